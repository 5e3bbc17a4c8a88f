// Reloads the page when something newer is served than what it shows. A tab
// that nobody sees lets go of its stream, as browsers open few.
const shown = new URL(document.currentScript.src).searchParams.get("build");
let stream;
function follow() {
  stream?.close();
  if (document.hidden) return;
  stream = new EventSource("/dev/builds");
  stream.onmessage = (event) => {
    if (event.data !== shown) location.reload();
  };
}
document.addEventListener("visibilitychange", follow);
follow();
