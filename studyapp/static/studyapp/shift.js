// The viewer of shift maps: everything is fetched once, then moving the cursor asks the server for nothing.
"use strict";

const viewer = document.getElementById("viewer");
const facts = JSON.parse(viewer.dataset.facts);
const places = facts.rows * facts.columns;
const part = (root, name) => root.querySelector(`[data-part="${name}"]`);
const state = viewer.querySelector(".shift-state");
const picture = viewer.querySelector(".shift-picture canvas");
const mapChoice = part(viewer, "map");
const linked = part(viewer, "linked");

// ColorBrewer's YlOrRd, straight lines between its nine colours.
const YLORRD = [[255, 255, 204], [255, 237, 160], [254, 217, 118], [254, 178, 76], [253, 141, 60], [252, 78, 42], [227, 26, 28], [189, 0, 38], [128, 0, 38]];
const COLOURS = Array.from({ length: 256 }, (_, level) => {
  const at = (level / 255) * 8;
  const low = Math.min(7, Math.floor(at));
  return YLORRD[low].map((value, channel) => Math.round(value + (at - low) * (YLORRD[low + 1][channel] - value)));
});

const ANCHORS = {
  "top-left": [0, 0],
  "top-right": [0, facts.columns - 1],
  centre: [Math.floor(facts.rows / 2), Math.floor(facts.columns / 2)],
  "bottom-left": [facts.rows - 1, 0],
  "bottom-right": [facts.rows - 1, facts.columns - 1],
};

const sides = [...viewer.querySelectorAll(".shift-side")].map((root) => ({
  root,
  pad: root.querySelector(".shift-map"),
  map: root.querySelector(".shift-map canvas"),
  cross: root.querySelector(".cross"),
  anchor: root.querySelector(".anchor"),
  lacking: root.querySelector(".lacking"),
  value: root.querySelector(".value"),
  choice: part(root, "classifier"),
  minimum: part(root, "minimum"),
  least: part(root, "least"),
}));

// What is fetched, each once: the pixels, and by classifier its planes by name.
let pixels = null;
const planes = new Map();
let place = { row: ANCHORS.centre[0], column: ANCHORS.centre[1] };
let waiting = false;

const chosen = (side) => (side.choice ? Number(side.choice.value) : 0);
const planeOf = (side) => planes.get(chosen(side))?.[mapChoice.value] ?? null;

const fetched = async (address) => {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.arrayBuffer();
};

const loadPixels = async () => {
  if (pixels) return;
  const bytes = new Uint8Array(await fetched(facts.pictures));
  const [width, height] = facts.picture;
  const base = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let at = 0; at < width * height; at += 1) {
    base[4 * at] = bytes[3 * at];
    base[4 * at + 1] = bytes[3 * at + 1];
    base[4 * at + 2] = bytes[3 * at + 2];
  }
  pixels = { width, base, patch: bytes.subarray(3 * width * height) };
};

const loadPlanes = async (number) => {
  if (planes.has(number)) return;
  const values = new Float32Array(await fetched(facts.arrays[number]));
  const { maps, top1 } = facts.classifiers[number];
  const found = {};
  [...maps, ...(top1 ? ["top1"] : [])].forEach((name, at) => (found[name] = values.subarray(at * places, (at + 1) * places)));
  planes.set(number, found);
};

// The picture at a place, in integers as it was predicted: Pillow's division by 255 for the patch.
const compose = () => {
  if (!pixels) return;
  const context = picture.getContext("2d");
  const frame = context.createImageData(facts.width, facts.height);
  const [top, left] = [place.row * facts.stride, place.column * facts.stride];
  const { base, patch, width } = pixels;
  if (!facts.patch) {
    for (let y = 0; y < facts.height; y += 1) {
      const from = 4 * ((top + y) * width + left);
      frame.data.set(base.subarray(from, from + 4 * facts.width), 4 * y * facts.width);
    }
  } else {
    frame.data.set(base);
    const [across, down] = facts.patch;
    for (let y = 0; y < down; y += 1) {
      for (let x = 0; x < across; x += 1) {
        const from = 4 * (y * across + x);
        const to = 4 * ((top + y) * width + left + x);
        const alpha = patch[from + 3];
        for (let channel = 0; channel < 3; channel += 1) {
          const mixed = base[to + channel] * (255 - alpha) + patch[from + channel] * alpha + 128;
          frame.data[to + channel] = (mixed + (mixed >> 8)) >> 8;
        }
      }
    }
  }
  context.putImageData(frame, 0, 0);
};

const put = (mark, row, column) => {
  mark.style.left = `${(100 * (column + 0.5)) / facts.columns}%`;
  mark.style.top = `${(100 * (row + 0.5)) / facts.rows}%`;
  mark.hidden = false;
};

const saidOf = (side) => {
  const plane = planeOf(side);
  const top = planes.get(chosen(side))?.top1;
  const at = place.row * facts.columns + place.column;
  const { classes } = facts.classifiers[chosen(side)];
  return { number: plane ? plane[at].toFixed(4) : "–", top1: top ? classes[top[at]] ?? `class ${top[at]}` : "" };
};

// Everything that follows the cursor; one frame draws the last of several moves.
const show = () => {
  waiting = false;
  compose();
  const where = `y ${place.row * facts.stride}, x ${place.column * facts.stride}`;
  part(viewer, "where").textContent = where;
  for (const side of sides) {
    put(side.cross, place.row, place.column);
    const said = saidOf(side);
    const strong = document.createElement("strong");
    strong.textContent = said.number;
    side.value.replaceChildren(strong, said.top1 ? document.createElement("br") : "", said.top1 ? `top-1: ${said.top1}` : "");
  }
  viewer.dataset.place = `${place.row},${place.column}`;
};

const move = (row, column) => {
  const kept = (value, count) => Math.max(0, Math.min(count - 1, value));
  place = { row: kept(row, facts.rows), column: kept(column, facts.columns) };
  if (!waiting) {
    waiting = true;
    requestAnimationFrame(show);
  }
};

const paint = (side) => {
  const plane = planeOf(side);
  const context = side.map.getContext("2d");
  context.clearRect(0, 0, facts.columns, facts.rows);
  const { name } = facts.classifiers[chosen(side)];
  side.lacking.hidden = Boolean(plane);
  side.lacking.textContent = planes.has(chosen(side)) ? `${name} has no map of this kind: none was computed or imported.` : "";
  const least = Number(side.minimum.value);
  side.least.textContent = least.toFixed(3);
  const anchor = ANCHORS[mapChoice.value];
  if (anchor) put(side.anchor, ...anchor);
  else side.anchor.hidden = true;
  if (!plane) return;
  const image = context.createImageData(facts.columns, facts.rows);
  for (let at = 0; at < places; at += 1) {
    const share = (plane[at] - least) / (1 - least);
    const [red, green, blue] = COLOURS[Math.max(0, Math.min(255, Math.round(255 * share)))];
    image.data.set([red, green, blue, 255], 4 * at);
  }
  context.putImageData(image, 0, 0);
};

// The range begins at the smallest value that is shown.
const startRange = () => {
  const least = sides.map((side) => facts.classifiers[chosen(side)].least[mapChoice.value]);
  const common = Math.min(...least.filter((value) => value !== undefined), 0.999);
  sides.forEach((side, at) => {
    const start = linked?.checked === false ? least[at] ?? common : common;
    side.minimum.min = String(Math.min(0, Math.floor(start * 1000) / 1000));
    side.minimum.value = String(Math.min(0.999, Math.floor(start * 1000) / 1000));
  });
};

const repaint = () => {
  sides.forEach(paint);
  show();
};

const load = async () => {
  const wanted = [...new Set(sides.map(chosen))].filter((number) => !planes.has(number));
  const lost = [];
  const tried = [
    loadPixels().catch(() => lost.push("the pictures")),
    ...wanted.map((number) => loadPlanes(number).catch(() => lost.push(`the maps of ${facts.classifiers[number].name}`))),
  ];
  if (!pixels || wanted.length) state.textContent = "Loading the maps and pictures …";
  await Promise.all(tried);
  state.classList.toggle("failed", lost.length > 0);
  state.textContent = lost.length ? `Could not be loaded: ${lost.join(", ")}. ` : "";
  if (lost.length) {
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = "Try again";
    again.addEventListener("click", load);
    state.append(again);
  }
  viewer.dataset.ready = lost.length ? "partly" : "yes";
  repaint();
};

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

for (const side of sides) {
  const follow = (event) => {
    const box = side.map.getBoundingClientRect();
    move(
      Math.floor(((event.clientY - box.top) / box.height) * facts.rows),
      Math.floor(((event.clientX - box.left) / box.width) * facts.columns)
    );
  };
  side.pad.addEventListener("pointermove", follow);
  side.pad.addEventListener("pointerdown", follow);
  side.pad.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 10 : 1;
    const step = STEPS[event.key];
    if (step) move(place.row + far * step[0], place.column + far * step[1]);
    else if (event.key === "Home") move(place.row, 0);
    else if (event.key === "End") move(place.row, facts.columns - 1);
    else return;
    event.preventDefault();
  });
  // People who listen hear the place and both values once the keys rest.
  let resting = 0;
  side.pad.addEventListener("keyup", () => {
    clearTimeout(resting);
    resting = setTimeout(() => {
      const values = sides.map((each) => `${facts.classifiers[chosen(each)].name} ${saidOf(each).number} ${saidOf(each).top1}`);
      part(viewer, "spoken").textContent = `${part(viewer, "where").textContent}: ${values.join("; ")}`;
    }, 400);
  });
  side.minimum.addEventListener("input", () => {
    if (linked?.checked) sides.forEach((each) => (each.minimum.value = side.minimum.value));
    sides.forEach(paint);
  });
  side.choice?.addEventListener("change", () => {
    startRange();
    load();
  });
  const bar = side.root.querySelector(".scale").getContext("2d");
  COLOURS.forEach(([red, green, blue], level) => {
    bar.fillStyle = `rgb(${red} ${green} ${blue})`;
    bar.fillRect(level, 0, 1, 1);
  });
}
mapChoice.addEventListener("change", () => {
  startRange();
  repaint();
});
linked?.addEventListener("change", () => {
  startRange();
  repaint();
});
viewer.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
startRange();
load();
