// Several lines may be chosen; "none" and "cannot tell" each alone. Enter confirms, something must be chosen.
"use strict";

document.querySelectorAll("form.seen").forEach((form) => {
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const lacking = form.querySelector(".lacking");
  form.addEventListener("change", (event) => {
    const box = event.target;
    if (!box.checked) return;
    lacking.hidden = true;
    for (const other of boxes) {
      if (other !== box && ("alone" in box.dataset || "alone" in other.dataset)) other.checked = false;
    }
  });
  // Before the judging page's own listener, which takes the first submission for the answer.
  form.addEventListener("submit", (event) => {
    if (boxes.some((box) => box.checked)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    lacking.hidden = false;
  });
  addEventListener("keydown", (event) => {
    const elsewhere = event.target.closest?.("a, button, summary, input");
    if (event.key === "Enter" && !event.repeat && !elsewhere) form.requestSubmit();
  });
});
