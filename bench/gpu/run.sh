#!/usr/bin/env bash
# Runs the kit on a machine that has a GPU and nothing else that Assay needs: unpacks what `deno task
# gpu:pack` put into .gpu/ (where there is no .gpu/, takes the Deno on the path), finds the driver, and
# hands on to run.ts, which explains its options with --help.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) && cd "$root" || exit 2
kit=$root/.gpu
tools=${TMPDIR:-/tmp}/assay-gpu-tools
export NODEVICE_SELECT=1 NO_COLOR=1 ASSAY_NO_INSTALL=1 HOME=${HOME:-/root}

# A bare machine may lack xz; Python reads it too.
decompress() {
  if command -v xz >/dev/null; then xz -dc "$1"; else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer, 1 << 20)' "$1"
  fi
}

unpack() {
  mkdir -p "$tools/bin" "$tools/loader" "$tools/x11" .cache/bench/peers || return
  decompress "$kit/deno.xz" >"$tools/bin/deno" && chmod +x "$tools/bin/deno" || return
  decompress "$kit/deno_dir.tar.xz" | tar -x -C "$tools" || return
  [ ! -e "$kit/peers.tar.xz" ] || decompress "$kit/peers.tar.xz" | tar -x -C .cache/bench/peers || return
  [ ! -e "$kit/dawn.tar.xz" ] || { mkdir -p .cache/dawn && decompress "$kit/dawn.tar.xz" | tar -x -C .cache/dawn; } || return
  local libraries
  for libraries in loader x11; do
    [ ! -e "$kit/$libraries.tar.xz" ] || decompress "$kit/$libraries.tar.xz" | tar -x -C "$tools/$libraries" || return
  done
  cp "$kit/packed.json" "$tools/"
}

if [ -e "$kit/deno.xz" ]; then
  cmp -s "$kit/packed.json" "$tools/packed.json" || unpack || { echo "could not unpack .gpu/" >&2; exit 2; }
  export PATH=$tools/bin:$PATH DENO_DIR=$tools/deno
elif ! command -v deno >/dev/null; then
  echo "There is neither .gpu/ (deno task gpu:pack makes it) nor a deno on the path." >&2
  exit 2
fi

# Where containers put NVIDIA's driver.
[ ! -d /usr/local/nvidia/lib64 ] || export LD_LIBRARY_PATH=/usr/local/nvidia/lib64:${LD_LIBRARY_PATH:-}
driver=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
[ -e /etc/vulkan/icd.d/nvidia_icd.json ] || [ -e /usr/share/vulkan/icd.d/nvidia_icd.json ] ||
  [ ! -e $driver ] || export VK_DRIVER_FILES=$driver

# A GPU, or else a hint of how far it is to one.
has_gpu() {
  timeout 60 deno eval --no-config 'const a = await navigator.gpu.requestAdapter(); Deno.exit(a && !/llvmpipe/.test(a.info.description) ? 0 : 1)' 2>/dev/null
}
libraries() { echo "$tools/$1/usr/lib/x86_64-linux-gnu"; }
if [ -d "$tools/loader/usr" ] && ! has_gpu; then
  export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}:$(libraries loader)
  has_gpu || { # some drivers are linked to X11's libraries
    export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$(libraries x11)
    has_gpu || ls -d /usr/local/nvidia /usr/share/vulkan/icd.d/* /etc/vulkan/icd.d/* >&2
  }
fi

exec deno run --allow-all --no-check --cached-only bench/gpu/run.ts --spent "$SECONDS" "$@"
