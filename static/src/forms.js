// Small helps in forms, which work without them.

// The button that was pressed shows that something is going on. The one that the
// Enter key presses is not seen; the visible one shows it instead.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  const pressed = event.submitter;
  const seen = pressed?.classList.contains("sr-only") ? form.querySelector(`button.btn[value="${pressed.value}"]`) : pressed;
  if (seen?.classList.contains("btn")) seen.setAttribute("aria-busy", "true");
  if ("download" in form.dataset) setTimeout(() => idle(form), 3000);
});

function idle(within) {
  for (const button of within.querySelectorAll("[aria-busy=true]")) button.removeAttribute("aria-busy");
}
window.addEventListener("pageshow", () => idle(document));

// A table of choices is narrowed to the rows that have every word that is typed.
// What is chosen stays in sight, and no plan is renewed by it.
function narrow(box) {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...document.getElementById(box.dataset.filter).querySelectorAll("tbody tr")];
  let found = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    const match = words.every((word) => text.includes(word));
    if (match) found++;
    row.hidden = !match && !row.querySelector(":checked");
  }
  box.parentElement.querySelector("[role=status]").textContent = words.length ? `${found} of ${rows.length}` : "";
}

for (const kind of ["input", "change"]) {
  document.addEventListener(kind, (event) => {
    if (!event.target.matches("[data-filter]")) return;
    event.stopPropagation();
    narrow(event.target);
  }, true);
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("[data-filter]")) event.preventDefault();
});

function showFilters() {
  for (const box of document.querySelectorAll("[data-filter]")) {
    box.parentElement.hidden = false;
    narrow(box);
  }
}
document.addEventListener("DOMContentLoaded", showFilters);
document.addEventListener("htmx:after:swap", showFilters);

// A field of something that is changed is marked while it differs from what it is
// now.
function markChanged(event) {
  const field = event.target.closest?.(".field[data-before]");
  if (!field) return;
  const control = event.target;
  const value = control.type === "checkbox" ? (control.checked ? control.value : "") : control.value;
  field.classList.toggle("is-changed", value !== field.dataset.before);
}
document.addEventListener("input", markChanged);
document.addEventListener("change", markChanged);

// A word of help goes away with a click elsewhere, or with Escape.
function closeHelp(except) {
  for (const about of document.querySelectorAll(".about[open]")) if (about !== except) about.open = false;
}
document.addEventListener("click", (event) => closeHelp(event.target.closest(".about")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeHelp();
});

// What is ticked in a list is counted, can be copied, and stays ticked while the list
// renews itself. What is no longer shown is no longer selected.
const ticked = new Set();

function boxesOf(form) {
  return [...form.querySelectorAll('tbody input[type="checkbox"]')];
}

function showSelection(form) {
  const boxes = boxesOf(form);
  const on = boxes.filter((box) => box.checked);
  ticked.clear();
  for (const box of on) ticked.add(box.value);
  const all = form.querySelector("[data-select-all]");
  const bar = form.querySelector("[data-selection-bar]");
  if (!all || !bar) return;
  all.hidden = false;
  all.checked = on.length > 0 && on.length === boxes.length;
  all.indeterminate = on.length > 0 && on.length < boxes.length;
  bar.querySelector("[data-selected]").textContent = `${on.length} selected`;
  for (const button of bar.querySelectorAll("[data-copy-selected]")) button.hidden = false;
}

function showSelections() {
  for (const form of document.querySelectorAll("[data-selection]")) showSelection(form);
}
document.addEventListener("DOMContentLoaded", showSelections);
window.addEventListener("pageshow", showSelections); // a browser that goes back ticks what was ticked
document.addEventListener("htmx:after:swap", () => {
  // A row that was reused for another cluster is not ticked for that.
  for (const form of document.querySelectorAll("[data-selection]")) for (const box of boxesOf(form)) box.checked = ticked.has(box.value);
  showSelections();
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-selection]");
  if (!form) return;
  if (event.target.matches("[data-select-all]")) for (const box of boxesOf(form)) box.checked = event.target.checked;
  showSelection(form);
});

document.addEventListener("reset", (event) => {
  if (event.target.matches("[data-selection]")) setTimeout(() => showSelection(event.target));
});

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy-selected]");
  if (!copy) return;
  const lines = boxesOf(copy.form).filter((box) => box.checked).map((box) => (copy.dataset.copySelected === "id" ? box.value : box.dataset.name));
  await navigator.clipboard.writeText(lines.join("\n"));
  const status = copy.form.querySelector("[data-selected]");
  status.textContent = copy.dataset.copySelected === "id" ? `${lines.length} IDs copied` : `${lines.length} names copied`;
});
