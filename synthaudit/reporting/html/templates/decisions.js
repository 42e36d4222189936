"use strict";
// What a person decides of each synthetic image: kept over a reload, written as --keep writes it.
(() => {
  const { all, one, make, page, ready, count, path, isSynthetic } = synthaudit;
  const held = `synthaudit decisions ${page.id}`;
  const made = new Map();  // by path: [whether it is kept, why not]
  const byPath = new Map();

  const of = (n) => (isSynthetic(n) ? made.get(path(n)) : undefined);

  function decorate(figure) {
    const own = of(Number(figure.dataset.n));
    if (own) figure.dataset.decision = own[0] ? "kept" : "dropped";
    else delete figure.dataset.decision;
  }

  function told() {
    const kept = [...made.values()].filter(([isKept]) => isKept).length;
    one("decided").textContent = made.size === 0
      ? "Nothing is decided yet."
      : `${kept.toLocaleString("en")} kept, ${(made.size - kept).toLocaleString("en")} dropped.`;
    for (const id of ["decisions-export", "decisions-clear"]) one(id).disabled = made.size === 0;
  }

  // A server is told what changed, and says what holds now: others may decide beside us.
  function send(paths) {
    const line = (name) => [name, ...(made.has(name) ? [made.get(name)[0] ? "True" : "False", made.get(name)[0] ? "kept in the review" : made.get(name)[1]] : ["", ""])];
    const body = ["path,is_kept,reason", ...paths.map((name) => line(name).map(quoted).join(","))].join("\n");
    fetch("decisions.csv", { method: "PATCH", body: `${body}\n` }).then((answer) => answer.text().then((text) => {
      if (!answer.ok) { one("decided").textContent = `Not saved: ${text}`; return; }
      made.clear();
      read(text);
      shown();
    }), () => { one("decided").textContent = "Not saved: the server has stopped."; });
  }

  function remember(paths) {
    if (page.served) { send(paths); return; }
    const text = JSON.stringify([...made]);
    try {
      if (made.size) localStorage.setItem(held, text);
      else localStorage.removeItem(held);
    } catch {
      one("decided").textContent += " They are lost on a reload: this browser keeps nothing for pages of files.";
    }
  }

  function shown() {
    for (const figure of all("figure[data-n]")) decorate(figure);
    told();
    document.dispatchEvent(new Event("decided"));
  }

  function changed(paths) {
    shown();
    remember(paths);
  }

  // `isKept` undefined takes a decision back.
  function decide(numbers, isKept, reason = "") {
    const meant = numbers.filter(isSynthetic);
    if (meant.length === 0) return;
    for (const n of meant) {
      if (isKept === undefined) made.delete(path(n));
      else made.set(path(n), [isKept, isKept ? "" : reason || one("reason").value.trim() || "dropped in the review"]);
    }
    changed(meant.map(path));
  }

  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  function written() {
    const lines = ["path,is_kept,reason"];
    for (const n of Array(count()).keys()) {
      if (!isSynthetic(n)) continue;
      const [isKept, reason] = made.get(path(n)) ?? [true, ""];
      const why = isKept && made.has(path(n)) ? "kept in the review" : reason;
      lines.push([quoted(path(n)), isKept ? "True" : "False", quoted(why)].join(","));
    }
    return `${lines.join("\n")}\n`;
  }

  function save() {
    const link = make("a", { href: URL.createObjectURL(new Blob([written()], { type: "text/csv" })), download: "decisions.csv" });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  // Rows of a CSV file, quotes and line ends within them included.
  function* rowsOf(text) {
    let row = [], cell = "", isQuoted = false;
    for (let at = 0; at < text.length; at++) {
      const sign = text[at];
      if (isQuoted) {
        if (sign !== '"') cell += sign;
        else if (text[at + 1] === '"') { cell += '"'; at++; } else isQuoted = false;
      } else if (sign === '"') isQuoted = true;
      else if (sign === ",") { row.push(cell); cell = ""; }
      else if (sign === "\n" || sign === "\r") {
        if (sign === "\r" && text[at + 1] === "\n") at++;
        yield [...row, cell];
        [row, cell] = [[], ""];
      } else cell += sign;
    }
    if (cell || row.length) yield [...row, cell];
  }

  function read(text) {
    const [head = [], ...rows] = rowsOf(text.replace(/^\ufeff/, ""));
    const [at, kept, why] = ["path", "is_kept", "reason"].map((name) => head.indexOf(name));
    if (at < 0 || kept < 0 || why < 0) return null;
    let known = 0;
    for (const row of rows) {
      if (!byPath.has(row[at])) continue;
      known++;
      const isKept = row[kept].toLowerCase() === "true";
      if (!isKept) made.set(row[at], [false, row[why]]);
      else if (row[why]) made.set(row[at], [true, ""]);
      else made.delete(row[at]);
    }
    return known;
  }

  function take(event) {
    const [file] = event.target.files;
    if (!file) return;
    file.text().then((text) => {
      const known = read(text);
      event.target.value = "";
      if (known === null) {
        one("decided").textContent = `${file.name} is no list of decisions: it should begin with path,is_kept,reason.`;
        return;
      }
      changed([...made.keys()]);
      one("decided").textContent += ` ${known.toLocaleString("en")} images of ${file.name} are in this page.`;
    });
  }

  Object.assign(synthaudit, { decide, decorate, decisionOf: of });
  ready.then(() => {
    for (const n of Array(count()).keys()) if (isSynthetic(n)) byPath.set(path(n), n);
    try {
      const before = page.served ? null : localStorage.getItem(held);
      for (const [name, own] of JSON.parse(before ?? "[]")) if (byPath.has(name)) made.set(name, own);
    } catch { /* What others have put there is no list of ours. */ }
    if (page.decisions) read(page.decisions);
    told();
    one("decisions-export").addEventListener("click", save);
    one("decisions-import").addEventListener("change", take);
    one("decisions-clear").addEventListener("click", () => {
      const paths = [...made.keys()];
      made.clear();
      changed(paths);
    });
  });
})();
