// Included by the attention kernels: which keys a query sees, and where they lie.
//
// A span is (position, first row of the shared prefix, its length, first own row). A block of queries
// is (first query, number of queries, tokens of their conversation, unused). Keys are taken in blocks
// that start at multiples of their size, so the order of every sum depends on positions alone.

const CAUSAL: bool = true; // whether a query sees no key after its own position
const WINDOW: u32 = 0u; // a query sees only keys less than so many positions away; 0 for all

// Whether the query at `position` of a conversation of `tokens` tokens sees the key at position p.
fn sees(position: u32, p: u32, tokens: u32) -> bool {
  let near = (WINDOW == 0u) | (p + WINDOW > position);
  if (CAUSAL) {
    return (p <= position) & near;
  }
  return (p < tokens) & near & ((WINDOW == 0u) | (position + WINDOW > p));
}

// The last position that the query at `position` sees.
fn last_seen(position: u32, tokens: u32) -> u32 {
  if (CAUSAL) {
    return position;
  }
  if (WINDOW == 0u) {
    return tokens - 1u;
  }
  return min(tokens, position + WINDOW) - 1u;
}

// The row of the key at position p: prefix + p within the shared prefix, own + p - length after it.
fn key_row(span: vec4<u32>, p: u32) -> u32 {
  return select(span.w - span.z, span.y, p < span.z) + p;
}

// Where the first block of `size` keys begins that the query at `position` sees any of.
fn first_key_block(position: u32, size: u32) -> u32 {
  if (WINDOW > 0u && position + 1u > WINDOW) {
    return (position + 1u - WINDOW) / size * size;
  }
  return 0u;
}
