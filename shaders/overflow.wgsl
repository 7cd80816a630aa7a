// Included by the kernels whose formula would make a plausible number of an overflow: 1 / sqrt(infinity)
// and exp(-infinity) are 0. There infinity becomes NaN, which nothing takes back. It is told by the bits
// of its exponent: compilers may assume that no number is infinite or NaN.

fn is_overflown(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u;
}

fn nan_where_overflown(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) | select(0u, 0x00400000u, is_overflown(x)));
}

// As max(x, 0), which is 0 for NaN and -infinity.
fn relu(x: f32) -> f32 {
  return select(max(x, 0.0), nan_where_overflown(x), is_overflown(x));
}
