// Included by the attention kernels: which keys a query sees, and where they lie.
//
// A span is (position, first row of the shared prefix, its length, first own row). Keys are taken in
// blocks of 32 that start at multiples of 32 positions, so the order of every sum depends on positions
// alone.

const WINDOW: u32 = 0u; // a query sees only so many positions, its own included; 0 for all

// Whether the query at `position` sees the key at position p.
fn sees(position: u32, p: u32) -> bool {
  return (p <= position) & ((WINDOW == 0u) | (p + WINDOW > position));
}

// The row of the key at position p: prefix + p within the shared prefix, own + p - length after it.
fn key_row(span: vec4<u32>, p: u32) -> u32 {
  return select(span.w - span.z, span.y, p < span.z) + p;
}

// Where the first block of keys begins that the query at `position` sees any of.
fn first_key_block(position: u32) -> u32 {
  if (WINDOW > 0u && position + 1u > WINDOW) {
    return (position + 1u - WINDOW) / 32u * 32u;
  }
  return 0u;
}
