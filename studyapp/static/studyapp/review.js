// Reviewing by keyboard: arrows move, a approves, h asks for the reason to hold back.
"use strict";
{
  const grid = document.getElementById("review");
  const items = () => [...grid.querySelectorAll("li[data-key]")];
  const current = () => document.activeElement?.closest?.("#review li[data-key]");

  const perRow = () => {
    const all = items();
    const top = all[0]?.offsetTop;
    const next = all.findIndex((item) => item.offsetTop !== top);
    return next < 0 ? all.length : next;
  };

  const move = (steps) => {
    const all = items();
    const at = all.indexOf(current());
    const to = at < 0 ? 0 : Math.min(Math.max(at + steps, 0), all.length - 1);
    all[to]?.focus();
    all[to]?.scrollIntoView({ block: "nearest" });
  };

  const decide = (item, value) => item.querySelector(`button[value="${value}"]`).click();

  grid?.addEventListener("keydown", (event) => {
    const item = current();
    if (event.target.matches("input")) {
      if (event.key === "Enter") {
        // Enter in the reason field holds back; without this the form's first button would approve.
        event.preventDefault();
        decide(item, "hold_back");
      } else if (event.key === "Escape") item.focus();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !item) return;
    if (event.key === "a") decide(item, "approve");
    else if (event.key === "h") item.querySelector("input[name=reason]").focus();
    else return;
    event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -perRow(), ArrowDown: perRow() }[event.key];
    if (!grid || !steps || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    move(steps);
  });

  // The decided item is drawn anew: the next one is where the reviewer goes on.
  let after = null;
  grid?.addEventListener("htmx:beforeSwap", (event) => {
    const item = event.target.closest("li[data-key]");
    if (event.detail.xhr.status === 422 && item) {
      const field = item.querySelector("input[name=reason]");
      field.setCustomValidity(event.detail.xhr.responseText);
      field.reportValidity();
      field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
      return;
    }
    after = item?.dataset.key ?? null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (after === null) return;
    const all = items();
    const at = all.findIndex((item) => item.dataset.key === after);
    after = null;
    all[Math.min(at + 1, all.length - 1)]?.focus();
  });
}
