// Small conveniences of the researcher pages; every page works without them.
"use strict";

// Thin spaces group digits for the eye; a spreadsheet wants the bare number.
const bare = (text) => text.replace(/(\d)[\u2009\u202f](?=\d)/g, "$1").replace(/\s+/g, " ").trim();

const rowsOf = (table) =>
  [...table.rows].map((row) =>
    [...row.cells].filter((cell) => !cell.hasAttribute("data-aside")).map((cell) => bare(cell.dataset.value ?? cell.innerText))
  );

const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const button = (label, action) => {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "plain";
  made.textContent = label;
  made.addEventListener("click", () => action(made));
  return made;
};

const copyText = async (text, from) => {
  const label = from.textContent;
  try {
    await navigator.clipboard.writeText(text);
    from.textContent = "Copied";
  } catch {
    from.textContent = "The browser does not allow copying";
  }
  setTimeout(() => (from.textContent = label), 1500);
};

// <table data-table="name"> gets "Copy" and "CSV"; data-csv gives the server's own, complete CSV.
const addTools = (table) => {
  if (table.dataset.tools) return;
  table.dataset.tools = "given";
  const tools = document.createElement("div");
  tools.className = "table-tools";
  tools.append(button("Copy table", (from) => copyText(rowsOf(table).map((row) => row.join("\t")).join("\n"), from)));
  const link = document.createElement("a");
  link.textContent = "CSV";
  if (table.dataset.csv) {
    link.href = table.dataset.csv;
  } else {
    link.href = "#";
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const text = rowsOf(table).map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
      const file = document.createElement("a");
      file.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      file.download = `${table.dataset.table}.csv`;
      file.click();
      setTimeout(() => URL.revokeObjectURL(file.href), 10000);
    });
  }
  tools.append(link);
  (table.closest(".table") ?? table).after(tools);
};

const prepare = (root) => {
  root.querySelectorAll("table[data-table]").forEach(addTools);
};

document.addEventListener("click", (event) => {
  const copier = event.target.closest("[data-copy]");
  if (copier) copyText(copier.dataset.copy, copier);
});
// A form that cannot be taken back asks once.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.ask;
  if (question && !window.confirm(question)) event.preventDefault();
});
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
prepare(document);
