/** Whether something was done in the page that a reload would undo. */
let isTouched = false;

for (const type of ["pointerdown", "keydown", "drop", "change"]) {
  addEventListener(type, () => isTouched = true, { capture: true, once: true });
}

/**
 * Has the page open without a network from now on, and work with threads: its service worker sends the
 * headers that isolate it, which hold from the next time on that it is opened. So the very first time
 * it is opened again at once.
 *
 * @returns What to tell of it.
 */
export async function goOffline(): Promise<string> {
  if (!("serviceWorker" in navigator)) {
    return "This browser, or this address, keeps no pages: a network is needed to open this one.";
  }
  try {
    await navigator.serviceWorker.register("service_worker.js");
    await navigator.serviceWorker.ready;
  } catch (error) {
    return `This page can't be kept for offline use: ${(error as Error).message}`;
  }
  if (!crossOriginIsolated && !isTouched && sessionStorage.getItem("reloaded") === null) {
    sessionStorage.setItem("reloaded", "once");
    location.reload();
  }
  return "This page opens without a network, too.";
}
