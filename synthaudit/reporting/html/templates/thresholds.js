"use strict";
// What other thresholds would drop: counted at once, with the command that does it.
(() => {
  const { one, page, ready, count, column, isSynthetic, faults, nearest } = synthaudit;
  if (!one("threshold-obvious")) return;
  let obvious, radius;
  const text = (number) => number.toLocaleString("en");
  let made = [], edges = [], flagged = new Map();

  // The clusters of images that are nearer to one another than a radius.
  function clusters(limit) {
    const parent = new Map(made.map((n) => [n, n]));
    const root = (n) => {
      let at = n;
      while (parent.get(at) !== at) { parent.set(at, parent.get(parent.get(at))); at = parent.get(at); }
      return at;
    };
    for (const [a, b, distance] of edges) if (distance < limit || distance === 0) parent.set(root(a), root(b));
    return root;
  }

  function draw() {
    const limit = Number(one("threshold-obvious").value), reach = radius === null ? 0 : radius * Number(one("threshold-radius").value) / 100;
    // At the radius of the audit its own flags count: copies and repeats are found by more than it.
    const isOwn = radius === null || Number(one("threshold-radius").value) === 100;
    const root = clusters(isOwn ? radius ?? 0 : reach);
    const size = new Map();
    for (const n of made) size.set(root(n), (size.get(root(n)) ?? 0) + 1);
    const isRepeat = (n) => (isOwn ? flagged.get("repeat").has(n) : size.get(root(n)) > 1);
    const near = (n) => nearest(n, "nearest_real");
    const isCopy = (n) => (isOwn ? flagged.get("copy").has(n) : (near(n)?.distance ?? 2) < reach);
    const isFake = (n) => column("probability")[n] >= limit;
    const bad = (n) => isCopy(n) || flagged.get("wrong class").has(n) || flagged.get("broken").has(n) || isFake(n);
    const left = made.filter((n) => !bad(n));
    const kept = new Set(left.filter(isRepeat).map(root)).size + left.filter((n) => !isRepeat(n)).length;
    one("threshold-obvious-value").textContent = limit.toFixed(2);
    one("threshold-fakes").textContent = text(made.filter(isFake).length);
    if (radius !== null) {
      one("threshold-radius-value").textContent = `${reach.toFixed(4)}${isOwn ? ", that of the audit" : ""}`;
      one("threshold-repeats").textContent = text(made.filter(isRepeat).length);
      one("threshold-copies").textContent = text(made.filter(isCopy).length);
    }
    one("threshold-kept").textContent = `${text(kept)} of ${text(made.length)}`;
    const distance = isOwn ? "" : ` --duplicate-distance ${reach.toPrecision(4)}`;
    one("threshold-command").textContent = `${page.thresholds.command} --keep kept.csv --obvious ${limit.toFixed(2)}${distance}`;
  }

  ready.then(() => {
    ({ obvious, radius } = page.thresholds);
    made = [...Array(count()).keys()].filter(isSynthetic);
    flagged = new Map(synthaudit.data().faults.map((name) => [name, new Set(made.filter((n) => faults(n).includes(name)))]));
    edges = [...page.thresholds.pairs];
    for (const n of made) {
      const near = nearest(n, "nearest_synthetic");
      if (near && isSynthetic(near.number)) edges.push([n, near.number, near.distance]);
    }
    one("threshold-obvious").value = obvious;
    for (const id of ["threshold-obvious", "threshold-radius"]) one(id)?.addEventListener("input", draw);
    draw();
  });
})();
