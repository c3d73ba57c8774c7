// Groups of pictures: one stop for Tab in each group, arrow keys between all pictures, a touch enlarges or puts back.
"use strict";

function between(looks, index, key) {
  const here = looks[index].getBoundingClientRect();
  const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
  const [x, y] = middle(here);
  const across = key === "ArrowLeft" || key === "ArrowRight";
  const sign = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
  let best = null, least = Infinity;
  for (const look of looks) {
    const [u, v] = middle(look.getBoundingClientRect());
    const ahead = sign * (across ? u - x : v - y);
    const beside = Math.abs(across ? v - y : u - x);
    if (ahead > 4 && ahead + 3 * beside < least) { best = look; least = ahead + 3 * beside; }
  }
  return best;
}

document.querySelectorAll(".board").forEach((board) => {
  const looks = [...board.querySelectorAll(".look")];
  const stop = (look) => {
    look.parentElement.querySelectorAll(".look").forEach((each) => { each.tabIndex = each === look ? 0 : -1; });
  };
  board.querySelectorAll(".look:first-child").forEach(stop);
  board.addEventListener("focusin", (event) => { if (event.target.matches(".look")) stop(event.target); });
  board.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow") || !event.target.matches(".look")) return;
    const next = between(looks, looks.indexOf(event.target), event.key);
    if (next) { event.preventDefault(); next.focus(); }
  });
});

// Safari gives a touched button no focus; a second touch puts the picture back.
let focused = null;
addEventListener("pointerdown", () => { focused = document.activeElement; }, true);
document.querySelectorAll(".look").forEach((look) => {
  look.addEventListener("click", (event) => {
    if (!event.detail) return;
    if (focused === look) look.blur(); else look.focus({ preventScroll: true });
  });
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement?.matches(".look")) document.activeElement.blur();
});
