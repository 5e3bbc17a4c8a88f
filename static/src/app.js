// Small helps on top of pages that work without them.

// Times are written by the server in UTC, or in the zone that the reader has chosen.
// Readers see how long ago they were, or the time in their zone where that is what is
// read, and both times in the tooltip. A browser that does not know the chosen zone
// leaves them as they are.
const timeZone = document.documentElement.dataset.timeZone;
const [exact, day] = zoneKnown() ? [{ timeStyle: "medium" }, {}].map((more) => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone, ...more })) : [];

function zoneKnown() {
  try {
    return Boolean(new Intl.DateTimeFormat(undefined, { timeZone }));
  } catch {
    return false;
  }
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "long" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60]];

function timeText(at, show) {
  if (show === "exact") return exact.format(at);
  const seconds = (at - Date.now()) / 1000;
  if (Math.abs(seconds) > 30 * 86400) return day.format(at);
  const unit = units.find(([, length]) => Math.abs(seconds) >= length);
  return unit ? relative.format(Math.trunc(seconds / unit[1]), unit[0]) : seconds > 0 ? "in less than a minute" : "just now";
}

function localTimes() {
  if (!exact) return;
  for (const el of document.querySelectorAll("time[datetime]")) {
    const at = new Date(el.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    if (!el.dataset.local) {
      el.title = `${exact.format(at)} (${el.title || el.textContent.trim()})`;
      el.dataset.local = "true";
    }
    if (el.dataset.show === "record") continue; // it says its zone
    const text = timeText(at, el.dataset.show);
    if (el.textContent !== text) el.textContent = text;
  }
}
setInterval(localTimes, 30_000);

// What a page shows of the inventory was read again and is as it was: only its age is
// another.
document.addEventListener("reading", ({ detail }) => {
  for (const el of document.querySelectorAll("[data-reading] time")) {
    el.dateTime = el.textContent = detail.data;
    el.title = "";
    delete el.dataset.local;
  }
  localTimes();
});

// A form that is under way is not sent again by an impatient second click. The
// server would make one request of it anyway.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (form.method === "post") form.dataset.sent = "true";
  if ("download" in form.dataset) afterDownload(form);
});

// A download leaves the page where it is: it says so, and can be used again. A
// page that comes instead replaces this one before.
function afterDownload(form) {
  setTimeout(() => {
    delete form.dataset.sent;
    for (const el of form.querySelectorAll("[data-after-download]")) el.hidden = false;
  }, 3000);
}

// Coming back by the back button shows the form as it was left, usable again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    copy.textContent = "Copied";
  }
  const collapse = event.target.closest("[data-collapse]");
  if (collapse) {
    const narrow = document.documentElement.dataset.nav !== "narrow";
    document.cookie = `nav=${narrow ? "narrow" : "wide"}; Path=/; Max-Age=31536000; SameSite=Lax`;
    if (narrow) document.documentElement.dataset.nav = "narrow";
    else delete document.documentElement.dataset.nav;
    collapse.setAttribute("aria-pressed", String(narrow));
  }
  const theme = event.target.closest("[data-set-theme]");
  if (theme) {
    const value = theme.dataset.setTheme;
    document.cookie = `theme=${value}; Path=/; Max-Age=31536000; SameSite=Lax`;
    if (value === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.dataset.theme = value;
    for (const button of document.querySelectorAll("[data-set-theme]")) {
      button.setAttribute("aria-pressed", String(button === theme));
    }
  }
});

// What confirms a plan does not change it: nothing is renewed, and nothing moves,
// between typing it and pressing the button.
for (const kind of ["input", "change"]) {
  document.addEventListener(kind, (event) => {
    if (event.target.closest("#confirm")) event.stopPropagation();
  }, true);
}

// A time that is typed is meant in the reader's own zone.
function ownZone() {
  for (const el of document.querySelectorAll("input[data-zone]")) {
    if (!el.value) el.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
}

// The browser knows the names of all time zones.
function offerZones() {
  for (const list of document.querySelectorAll("datalist[data-zones]")) {
    if (list.options.length > 1 || !Intl.supportedValuesOf) continue;
    list.append(...Intl.supportedValuesOf("timeZone").map((name) => new Option(name, name)));
  }
}

function renewed() {
  offerZones();
  localTimes();
  ownZone();
}
document.addEventListener("DOMContentLoaded", renewed);
document.addEventListener("htmx:after:swap", renewed);

// Over HTTP/1.1 a browser opens six connections to a host, for all of its tabs
// together, so a tab that nobody sees lets go of its stream. htmx does that when
// a tab is left; it does not notice that one was opened in the background, or
// left while its stream was being opened.
document.addEventListener("htmx:sse:after:connection", () => {
  setTimeout(() => {
    if (document.hidden) document.dispatchEvent(new Event("visibilitychange"));
  });
});

// The palette opens by Ctrl-K or "/", and its findings are walked through by the
// arrow keys. Who types a text, types a text.
function openPalette() {
  const palette = document.getElementById("palette");
  if (!palette || palette.open) return;
  palette.showModal();
  palette.querySelector("input").select();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  const palette = document.getElementById("palette");
  if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey)) {
    if (!palette) return;
    event.preventDefault();
    openPalette();
  } else if (palette?.open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    const stops = [palette.querySelector("input"), ...palette.querySelectorAll("#palette-found a")];
    const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    stops[Math.min(Math.max(next, 0), stops.length - 1)].focus();
  } else if (palette?.open && event.key === "Escape") {
    event.preventDefault(); // which would only empty the field
    palette.close();
  } else if (palette?.open && event.key === "Enter" && event.target.matches("#palette input")) {
    const first = palette.querySelector("#palette-found a");
    if (first) {
      event.preventDefault();
      first.click();
    }
  }
});

// A click beside the palette closes it.
document.addEventListener("click", (event) => {
  if (event.target.id === "palette") event.target.close();
});

// Keys of a page: one that is named by data-key brings the focus to a button,
// which decides nothing before it is pressed, and follows a link.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  event.preventDefault();
  if (wanted.matches("a")) wanted.click();
  else wanted.focus();
});

// What an act has done is told in the corner. It stays until it is dismissed when
// it holds a link; otherwise it goes after a while in which nobody is at it. Put
// in once more it is read aloud, which what comes with the page is not.
const toastFor = 8000; // milliseconds

function showToast() {
  const toast = document.querySelector(".toast-message");
  if (!toast) return;
  const region = toast.parentElement;
  region.replaceChildren();
  setTimeout(() => region.append(toast), 50);
  toast.querySelector("[data-dismiss]").addEventListener("click", () => region.remove());
  if (toast.querySelector("a")) return;
  let timer;
  const wait = () => {
    clearTimeout(timer);
    if (!toast.matches(":hover, :focus-within")) timer = setTimeout(() => region.remove(), toastFor);
  };
  for (const kind of ["mouseenter", "mouseleave", "focusin", "focusout"]) toast.addEventListener(kind, () => setTimeout(wait));
  wait();
}
document.addEventListener("DOMContentLoaded", showToast);

// A session was ended elsewhere. If it was this browser's, and not one that a
// fresh sign-in has replaced, what the page shows is not left for others.
document.addEventListener("ended", async () => {
  const answer = await fetch("/inbox/count", { redirect: "manual" });
  if (answer.type === "opaqueredirect" || answer.status === 401) location.replace("/signed-out");
});

// What is large and for few is loaded once somebody turns to it, by mouse, touch or
// keyboard, so that the page is there at once for all who only read.
const nonce = document.currentScript.nonce;
function loadScript({ target }) {
  const part = target.closest?.("[data-script]");
  if (!part) return;
  const script = document.createElement("script");
  script.src = part.dataset.script;
  script.nonce = nonce;
  delete part.dataset.script;
  document.head.append(script);
}
for (const turned of ["pointerover", "focusin"]) document.addEventListener(turned, loadScript);
for (const part of document.querySelectorAll("[data-script]:has([aria-invalid])")) loadScript({ target: part }); // which it shows in place
