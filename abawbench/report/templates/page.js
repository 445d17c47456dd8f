"use strict";
// Draws the boards from the data of the page. Text is only ever set as text, never read as HTML.
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const NONE = "–";
  const $ = (id) => document.getElementById(id);

  function put(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : typeof value === "number" ? +value.toFixed(1) : value);
    }
    node.append(...children.flat(9).filter((child) => child !== null && child !== undefined));
    return node;
  }
  const h = (tag, attributes = {}, ...children) => put(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    put(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  const line = (x1, y1, x2, y2, kind) => svg("line", { x1, y1, x2, y2, class: kind });
  const label = (x, y, text, anchor = "middle") => svg("text", { x, y, "text-anchor": anchor }, text);
  const para = (text, kind) => h("p", { class: kind }, text);
  const items = (texts) => h("ul", {}, texts.map((text) => h("li", {}, text)));
  const button = (text, onclick, attributes = {}) => h("button", { type: "button", onclick, ...attributes }, text);

  // Numbers as people read them.
  const known = (value) => value !== null && value !== undefined;
  const fixed = (value, digits = 3) => (known(value) ? value.toFixed(digits) : NONE);
  const ends = (value, low, high) => fixed(value) + (known(low) ? ` [${fixed(low)}, ${fixed(high)}]` : "");
  const signed = (value) => (known(value) ? (value > 0 ? "+" : "") + value.toFixed(3) : NONE);
  const short = (value) => (known(value) ? String(+value.toPrecision(3)) : NONE);
  const large = (value) => {
    if (!known(value)) return NONE;
    const [unit, letter] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([size]) => value >= size) || [1, ""];
    return short(value / unit) + letter;
  };

  // One result: its board and its place in the order of the board.
  const ROWS = DATA.boards.flatMap((board, at) => board.rows.map((row, place) => ({ ...row, board, at, place })));
  const seen = new Map();
  for (const row of ROWS) {
    const count = (seen.get(row.id) || 0) + 1;
    seen.set(row.id, count);
    if (count > 1) row.id += "~" + count;
  }
  const BY_ID = new Map(ROWS.map((row) => [row.id, row]));
  const weightsOf = (row) => row.published ? "not stated" : row.pretrained.join(", ") || (row.weights !== "none" && row.weights) || "nothing";
  const hasInterval = (row) => row.interval && known(row.interval[0]);
  const merit = (row) => (row.board.higher ? row.value : -row.value);

  const megabytes = (bytes) => (known(bytes) ? String(Math.round(bytes / 1e6)) : NONE);
  const COLUMNS = [
    { key: "rank", name: "Rank", get: (row) => row.place, up: true },
    { key: "model", name: "Model", get: (row) => row.name.toLowerCase(), up: true },
    { key: "value", name: "Value [interval]", get: merit },
    { key: "floor", name: "Floor", text: (row) => fixed(row.floor) },
    { key: "coverage", name: "Coverage", text: (row) => (known(row.coverage) ? Math.floor(row.coverage * 1000) / 10 + "%" : NONE) },
    { key: "params", name: "Parameters", axis: "parameters", text: (row) => large(row.params), up: true },
    { key: "macs", name: "MACs/frame", axis: "MACs per frame", text: (row) => large(row.macs), up: true },
    { key: "latency", name: "p50 ms", axis: "median latency of one clip, ms", timed: true, get: (row) => row.latency && row.latency[0], up: true,
      text: (row) => (row.latency ? short(row.latency[0]) + (row.valid === false ? ` ${row.state}` : "") : NONE) },
    { key: "memory", name: "Peak MB", axis: "peak memory, bytes", timed: true, text: (row) => megabytes(row.memory), up: true },
    { key: "fps", name: "Frames/s", text: (row) => short(row.fps) },
    { key: "joules", name: "J/clip", axis: "joules per clip", timed: true, text: (row) => short(row.joules), up: true },
    { key: "runtime", name: "Runtime", text: (row) => (row.runtime ? `${row.runtime}, ${row.device}` : NONE), up: true },
    { key: "pretrained", name: "Pretrained on", get: weightsOf, text: weightsOf, up: true },
  ];
  COLUMNS.forEach((column) => (column.get ||= (row) => row[column.key]));
  const AXES = Object.fromEntries(COLUMNS.filter(({ axis }) => axis).map((column) => [column.key, column]));
  const FILTERS = [
    ["task", "Task", (row) => row.board.task],
    ["database", "Database", (row) => row.board.database],
    ["edition", "Edition", (row) => String(row.board.edition)],
    ["device", "Device", (row) => row.device || "not timed"],
    ["runtime", "Runtime", (row) => row.runtime || "not timed"],
    ["kind", "Data", (row) => (row.board.synthetic ? "synthetic" : "real")],
    ["pretrained", "Pretrained on", weightsOf],
  ];

  // What is shown, kept in the address so that a link shows the same.
  const state = { q: "", sort: "rank", dir: "", axis: "macs", open: [], pick: [] };
  FILTERS.forEach(([key]) => (state[key] = ""));
  const LISTS = ["open", "pick"];
  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const key of Object.keys(state)) {
      const text = given.get(key) || "";
      state[key] = LISTS.includes(key) ? text.split(",").filter((id) => BY_ID.has(id)) : text;
    }
    state.pick = state.pick.slice(0, 2);
    if (!COLUMNS.some((column) => column.key === state.sort)) state.sort = "rank";
    if (!AXES[state.axis]) state.axis = "macs";
  }
  function writeAddress() {
    const told = new URLSearchParams();
    for (const [key, value] of Object.entries(state)) {
      const text = LISTS.includes(key) ? value.join(",") : value;
      if (text && !(key === "sort" && text === "rank") && !(key === "axis" && text === "macs")) told.set(key, text);
    }
    const address = "#" + told;
    if (address !== (location.hash || "#")) history.replaceState(null, "", address);
  }
  function set(changes) {
    Object.assign(state, changes);
    writeAddress();
    draw();
  }

  // Filters.
  const controls = {};
  function makeFilters() {
    const search = h("input", { id: "f-q", type: "search", placeholder: "model, weights, mark",
      oninput: (event) => set({ q: event.target.value }) });
    controls.q = search;
    $("filters").append(h("label", { for: "f-q" }, "Search", search));
    const choose = (key, name, options) => {
      controls[key] = h("select", { id: "f-" + key, onchange: (event) => set({ [key]: event.target.value }) },
        options.map(([value, text]) => h("option", { value }, text)));
      $("filters").append(h("label", { for: "f-" + key }, name, controls[key]));
    };
    for (const [key, name, get] of FILTERS) {
      choose(key, name, [["", "all"], ...[...new Set(ROWS.map(get))].sort().map((value) => [value, value])]);
    }
    choose("axis", "Plot against", Object.values(AXES).map(({ key, axis }) => [key, axis]));
    $("filters").append(button("Show all", () => { history.replaceState(null, "", "#"); readAddress(); draw(); }, { id: "reset" }));
    $("filters").addEventListener("submit", (event) => event.preventDefault());
  }
  function isShown(row) {
    if (FILTERS.some(([key, , get]) => state[key] && get(row) !== state[key])) return false;
    const words = [row.name, row.model, weightsOf(row), row.runtime, row.source, row.board.task, ...(row.marks || []), ...(row.caveats || [])];
    return state.q.toLowerCase().split(/\s+/).every((word) => words.join(" ").toLowerCase().includes(word));
  }
  const isUp = (column) => (state.dir ? state.dir === "up" : Boolean(column.up));
  function sorted(rows) {
    const column = COLUMNS.find(({ key }) => key === state.sort);
    const up = isUp(column);
    return [...rows].sort((one, other) => {
      const [a, b] = [column.get(one), column.get(other)];
      if (!known(a) || !known(b)) return known(b) - known(a) || one.place - other.place;
      return (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1) || one.place - other.place;
    });
  }

  // A value with its interval as a bar, on the scale of its board.
  function scaleOf(board) {
    if (!board.scale) {
      const all = board.rows.flatMap((row) => [row.value, row.floor, ...(row.interval || [])]).filter(known);
      const [low, high] = [Math.min(...all), Math.max(...all)];
      const pad = (high - low || 1) * 0.04;
      board.scale = (value, width) => ((value - low + pad) / (high - low + 2 * pad)) * width;
    }
    return board.scale;
  }
  function bar(row) {
    const at = (value) => scaleOf(row.board)(value, 110);
    const picture = svg("svg", { viewBox: "0 0 110 14", class: "bar", "aria-hidden": "true" });
    if (known(row.floor)) picture.append(line(at(row.floor), 0, at(row.floor), 14, "floor"));
    if (hasInterval(row)) {
      const [low, high] = row.interval.map(at);
      picture.append(svg("rect", { x: low, y: 4, width: Math.max(high - low, 1), height: 6, class: "interval" }));
    }
    picture.append(svg("circle", { cx: at(row.value), cy: 7, r: 3.5, class: "dot" }));
    return picture;
  }
  const valueText = (row) => ends(row.value, ...(row.interval || []));
  function isBelowFloor(row) {
    return known(row.floor) && (row.board.higher ? row.value <= row.floor : row.value >= row.floor);
  }

  // A column that says nothing on a board is left out there.
  const columnsOf = (board) => (board.columns ||= COLUMNS.filter(({ text }) => !text || board.rows.some((row) => text(row) !== NONE)));
  function cell(row, column) {
    if (column.key === "rank") return h("td", { class: "rank" }, row.published ? "published" : row.rank);
    if (column.key === "model") {
      const badges = [row.marks && row.marks.length ? "not ranked" : null, isBelowFloor(row) ? "at or below the floor" : null,
        row.valid === false ? `time ${row.state}` : null, ...(row.caveats || [])];
      return h("th", { scope: "row", class: "model" },
        button(row.name, () => toggle("open", row.id), { class: "opens" }),
        known(row.seed) ? h("small", {}, ` seed ${row.seed}`) : null,
        badges.filter(Boolean).map((text) => h("span", { class: "badge" }, text)));
    }
    if (column.key === "value") return h("td", { class: "value" }, h("span", {}, valueText(row)), bar(row));
    return h("td", { class: "more c-" + column.key }, column.text(row));
  }
  function rowOf(row) {
    if (!row.node) {
      const tick = row.published ? null : h("input", { type: "checkbox", "aria-label": `Compare ${row.name}, ${row.board.task}`,
        onchange: () => toggle("pick", row.id) });
      row.tick = tick;
      row.node = h("tr", { id: "row-" + row.id, class: row.published ? "published" : null }, h("td", { class: "tick" }, tick),
        columnsOf(row.board).map((column) => cell(row, column)));
    }
    if (row.tick) row.tick.checked = state.pick.includes(row.id);
    const isOpen = state.open.includes(row.id);
    row.node.querySelector(".opens").setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return [row.node];
    row.detail ||= h("tr", { class: "detail", id: "detail-" + row.id }, h("td", { colspan: COLUMNS.length + 1 }, details(row)));
    return [row.node, row.detail];
  }
  function toggle(list, id) {
    const before = state[list].filter((other) => other !== id);
    const after = before.length < state[list].length ? before : [...before, id];
    set({ [list]: list === "pick" ? after.slice(-2) : after });
  }
  // Results that share a rank are held together by a bracket, where they stand in the order of ranks.
  function markTies(rows) {
    const inOrder = state.sort === "rank" && state.dir !== "down";
    rows.forEach((row, n) => {
      const same = (other) => other && inOrder && !row.published && row.rank !== NONE && other.rank === row.rank;
      const [above, below] = [same(rows[n - 1]), same(rows[n + 1])];
      const kind = above && below ? "middle" : below ? "first" : above ? "last" : "";
      row.node.dataset.tie = kind;
    });
  }

  // Details of one result.
  const figure = (title, ...children) => h("section", { class: "card", tabindex: "0", "aria-label": title }, h("h3", {}, title), children);
  const list = (pairs) => h("dl", {}, pairs.filter(([, text]) => known(text) && text !== "").map(([name, text]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, String(text)))));
  function bars(title, entries, note) {
    const all = entries.flatMap(([, ...numbers]) => numbers).filter(known);
    const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
    const at = (value) => ((value - low) / (high - low || 1)) * 160;
    return figure(title, note ? para(note) : null, h("table", { class: "bars" }, h("tbody", {}, entries.map(([name, value, from, to]) =>
      h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, ends(value, from, to)),
        h("td", {}, !known(value) ? null : svg("svg", { viewBox: "0 0 160 12", class: "hbar", "aria-hidden": "true" },
          svg("rect", { x: Math.min(at(0), at(value)), width: Math.abs(at(value) - at(0)), y: 2, height: 8, class: "fill" }),
          known(from) ? line(at(from), 6, at(to), 6, "whisker") : null)))))));
  }
  function confusion({ classes, counts }) {
    const rows = counts.map((row, n) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      return h("tr", {}, h("th", { scope: "row" }, classes[n]), row.map((count, k) => {
        const share = total ? count / total : 0;
        const one = h("td", { title: `${classes[n]} taken for ${classes[k]}: ${(100 * share).toFixed(1)}%` }, String(count));
        one.style.setProperty("--share", (100 * share).toFixed(0) + "%");
        return one;
      }));
    });
    return figure("Confusion matrix", para("Rows: labelled. Columns: predicted. Annotated frames."),
      h("table", { class: "confusion" }, h("thead", {}, h("tr", {}, h("td", {}), classes.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows)));
  }
  // A picture of lines of points [x, y, low, high], all numbers from 0 to 1.
  function chart(words, lines, [width, height], [low, high], name, diagonal) {
    const [left, top] = [36, 8];
    const x = (value) => left + value * width, y = (value) => top + (1 - value) * height;
    const points = lines.flat();
    return svg("svg", { viewBox: `0 0 ${left + width + 12} ${top + height + 24}`, class: "curve", role: "img", "aria-label": words },
      diagonal ? line(x(0), y(0), x(1), y(1), "whisker") : null,
      points.map(([at, , from, to]) => (known(from) ? line(x(at), y(from), x(at), y(to), "whisker") : null)),
      lines.map((one) => svg("polyline", { points: one.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ") })),
      points.map(([at, value]) => svg("circle", { cx: x(at), cy: y(value), r: 2.5 })),
      label(left - 4, top + 4, high, "end"), label(left - 4, top + height, low, "end"), label(left + width / 2, top + height + 18, name));
  }
  function curve(training) {
    const panels = [["loss", 2], ["held out", 3]].filter(([, at]) => training.some((epoch) => known(epoch[at])));
    return figure("Training", panels.map(([name, at]) => {
      const epochs = training.filter((epoch) => known(epoch[at]));
      const values = epochs.map((epoch) => epoch[at]);
      const [low, high, last] = [Math.min(...values), Math.max(...values), Math.max(...epochs.map(([epoch]) => epoch))];
      const folds = [...new Set(epochs.map((epoch) => epoch[1]))].map((fold) => epochs.filter((epoch) => epoch[1] === fold)
        .map((epoch) => [(epoch[0] - 1) / Math.max(last - 1, 1), (epoch[at] - low) / (high - low || 1)]));
      return chart(`${name} from ${short(values[0])} in epoch ${epochs[0][0]} to ${short(values.at(-1))} in epoch ${last}`, folds, [300, 120],
        [low, high].map(short), `${name} by epoch, 1 to ${last}`);
    }));
  }
  function reliability(one) {
    const panel = (name, points, diagonal) => chart(`${name}: ` + points.map(([at, value]) => `${fixed(value)} at ${fixed(at)}`).join(", "),
      [points.filter(([, value]) => known(value))], [130, 130], ["0", "1"], name, diagonal);
    return figure("Calibration: " + one.part, list([["expected calibration error", ends(...one.error)], ["Brier score", ends(...one.brier)]]),
      panel("right, by confidence", one.bins, true), panel("wrong, by share kept", one.kept));
  }
  function details(row) {
    const at = (place) => (known(place) ? DATA.shared[place] : {});
    const cards = [];
    if (row.notes.length) cards.push(figure("Read with the value", items(row.notes)));
    if (row.published) {
      cards.push(figure("Source", list([["source", row.source], ["confidence", row.confidence], ["plugin here", row.model]])));
      return h("div", { class: "cards" }, cards);
    }
    const parts = Object.entries(row.parts);
    if (parts.length) cards.push(bars("Per class or dimension", parts.map(([name, numbers]) => [name, ...numbers])));
    if (row.confusion) cards.push(confusion(row.confusion));
    if (row.tracks.length) {
      cards.push(bars("Tracks, the worst first", row.tracks.map(([place, value]) => [row.board.tracks[place], value]),
        `${row.tracks.length} of ${row.board.track_count}. Each by itself; the official value pools them and is not their mean.`));
    } else if (row.untold) cards.push(figure("Tracks", para(row.untold)));
    if (row.training.length) cards.push(curve(row.training));
    cards.push(...row.calibration.map(reliability));
    const counts = at(row.counts);
    cards.push(figure("Cost", list([["parameters", large(row.params)], ["MACs per frame", large(row.macs)],
      ["p50, p90, p99 ms", row.latency && row.latency.map(short).join(", ")], ["frames per second", known(row.fps) ? short(row.fps) : null],
      ["peak memory, MB", row.memory && megabytes(row.memory)], ["joules per clip", row.joules],
      ["timed by", row.runtime && `${row.runtime}, ${row.device}, ${row.threads} threads`], ["whole run, s", row.seconds]])));
    cards.push(figure("Data", list([["floor", known(row.floor) ? `${fixed(row.floor)} (${row.floor_is})` : null], ["tracks", counts.tracks],
      ["annotated frames", counts.annotated_frames], ["frames filled by a rule", counts.frames_without_image],
      ["tracks skipped", counts.skipped_tracks], ["problems", counts.problems_total]]), row.problems.length ? items(row.problems) : null));
    cards.push(figure("Repeat it", h("pre", {}, h("code", {}, row.command)),
      button("Copy command", (event) => copy(row.command, event.target), { class: "copy" })));
    cards.push(figure("Machine and versions", list([...Object.entries(at(row.hardware)), ...Object.entries(at(row.versions))])));
    return h("div", { class: "cards" }, cards);
  }
  async function copy(text, button) {
    let done = true;
    try { await navigator.clipboard.writeText(text); } catch { done = false; }
    $("count").textContent = done ? "Copied." : text;
    button.focus();
  }

  // The picture of metric against cost; results timed elsewhere are no rivals.
  function frontier(points) {
    const best = new Set();
    for (const clock of new Set(points.map((point) => point.clock))) {
      let top = -Infinity;
      for (const point of points.filter((one) => one.clock === clock && one.ranked).sort((a, b) => a.cost - b.cost || b.merit - a.merit)) {
        if (point.merit > top) { best.add(point); top = point.merit; }
      }
    }
    return best;
  }
  function pareto(board, rows) {
    const { axis: name, get, timed } = AXES[state.axis];
    const points = rows.filter((row) => get(row) > 0).map((row) => ({ row, cost: get(row), value: row.value, merit: merit(row),
      clock: timed ? `${row.device}, ${row.threads} threads` : "",
      ranked: !row.published && !row.marks.length && !(timed && row.valid === false) }));
    const without = rows.length - points.length;
    const note = without ? `${without} of ${rows.length} state no ${name.split(",")[0]} and are not drawn.` : "";
    if (!points.length) return para(`Nothing here states its ${name}.`, "note");
    const best = frontier(points);
    const [width, height, left, top] = [640, 250, 52, 14];
    const costs = points.map((point) => Math.log10(point.cost));
    const values = points.flatMap((point) => [point.value, ...(point.row.interval || [])]).concat(rows.map((row) => row.floor)).filter(known);
    const [c0, c1, v0, v1] = [Math.min(...costs) - 0.15, Math.max(...costs) + 0.15, Math.min(...values), Math.max(...values)];
    const x = (cost) => left + ((Math.log10(cost) - c0) / (c1 - c0)) * width;
    const y = (value) => top + (1 - (value - v0) / (v1 - v0 || 1)) * height;
    const picture = svg("svg", { viewBox: `0 0 ${left + width + 16} ${top + height + 40}`, class: "pareto", role: "group",
      "aria-label": `${board.task}: ${board.metric} against ${name}` });
    for (let power = Math.floor(c0); power <= c1; power++) for (const times of [1, 2, 5]) {
      const cost = times * 10 ** power;
      if (Math.log10(cost) > c0 && Math.log10(cost) < c1) picture.append(
        line(x(cost), top, x(cost), top + height, "grid"), label(x(cost), top + height + 14, large(cost)));
    }
    for (let n = 0; n <= 4; n++) {
      const value = v0 + ((v1 - v0) * n) / 4;
      picture.append(label(left - 5, y(value) + 4, fixed(value, 2), "end"));
    }
    const floors = rows.map((row) => row.floor).filter(known);
    if (floors.length) {
      const level = y(board.higher ? Math.max(...floors) : Math.min(...floors));
      picture.append(line(left, level, left + width, level, "floor"), label(left + 4, level - 4, "floor", "start"));
    }
    for (const clock of new Set([...best].map((point) => point.clock))) {
      const steps = [...best].filter((point) => point.clock === clock).sort((a, b) => a.cost - b.cost);
      const path = steps.map((point, n) => (n ? `H${x(point.cost).toFixed(1)}V` : `M${x(point.cost).toFixed(1)} `) + y(point.value).toFixed(1)).join("");
      picture.append(svg("path", { d: `${path}H${left + width}`, class: "frontier" }));
    }
    let named = 0;
    for (const point of points) {
      const { row } = point;
      const kind = row.published ? "published" : !point.ranked ? "unranked" : best.has(point) ? "best" : "beaten";
      const [cx, cy] = [x(point.cost).toFixed(1), y(point.value).toFixed(1)];
      const shape = { best: svg("circle", { cx, cy, r: 5 }), beaten: svg("rect", { x: cx - 4, y: cy - 4, width: 8, height: 8 }),
        published: svg("path", { d: `M${cx} ${cy - 6}l6 6l-6 6l-6 -6z` }), unranked: svg("path", { d: `M${cx - 4} ${cy - 4}l8 8m0 -8l-8 8` }) }[kind];
      const words = `${row.name}: ${valueText(row)} at ${large(point.cost)}`;
      picture.append(svg("a", { href: "#row-" + row.id, class: "point " + kind, "aria-label": words, onclick: (event) => { event.preventDefault(); show(row); } },
        svg("title", {}, words), hasInterval(row) ? line(cx, y(row.interval[0]), cx, y(row.interval[1])) : null, shape));
      if (kind === "best") {
        const right = cx > left + width * 0.7;
        picture.append(label(+cx + (right ? -8 : 8), cy - 8 - 13 * (named++ % 3), row.name, right ? "end" : "start"));
      }
    }
    picture.append(label(left + width / 2, top + height + 34, name));
    return h("figure", {}, picture, h("figcaption", {}, "● on the frontier  ■ beaten at no greater cost  ◇ published  × not ranked. A point leads to its row. " + note));
  }
  function show(row) {
    if (!state.open.includes(row.id)) toggle("open", row.id);
    row.node.scrollIntoView({ block: "center" });
    row.node.querySelector(".opens").focus();
  }

  // Two ticked results, as `abawbench compare` tells them: B less A.
  function comparison() {
    const box = $("comparison");
    const [a, b] = state.pick.map((id) => BY_ID.get(id));
    box.hidden = !a;
    box.replaceChildren();
    if (!a) return;
    const close = button("Clear", () => set({ pick: [] }));
    if (!b) return box.append(para(`A: ${a.name}, ${a.board.task}. Tick a second result to compare it with.`), close);
    box.append(h("h2", {}, `${b.name} against ${a.name}`), ...compared(a, b), close);
  }
  function compared(a, b) {
    const refuse = (why) => [para(`Not compared: ${why}.`, "why")];
    if (a.at !== b.at) return refuse("they were not scored on the same task, edition, split and annotations");
    const { of, cells, reasons } = a.board.pairs;
    const [low, high] = [Math.min(a.place, b.place), Math.max(a.place, b.place)];
    if (high >= of) return refuse(`this page holds the pairs of the ${of} best results; run: abawbench compare A B`);
    const found = cells[low * of - (low * (low + 1)) / 2 + high - low - 1];
    if (!Array.isArray(found)) return refuse(reasons[found]);
    let [difference, from, to, p, detectable] = found.map((value) => (value === null ? null : value / 1e4));
    if (a.place > b.place) [difference, from, to] = [-difference, -to, -from];
    const ratio = (one, other) => (one && known(other) ? "×" + short(other / one) : NONE);
    const verdict = from > 0 || to < 0 ? `the interval leaves out 0: ${(difference > 0) === a.board.higher ? "B" : "A"} is better` : "the interval holds 0: these tracks cannot tell them apart";
    return [para(verdict, "verdict"), list([["task", `${a.board.task}, ${a.board.metric}`], ["A", valueText(a)], ["B", valueText(b)],
      ["B − A [95% interval]", `${signed(difference)} [${signed(from)}, ${signed(to)}]`], ["p", p < 0.001 ? "<0.001" : fixed(p)],
      ["detectable", fixed(detectable)], ["parameters B/A", ratio(a.params, b.params)], ["MACs B/A", ratio(a.macs, b.macs)],
      ["p50 B/A", ratio(a.latency && a.latency[0], b.latency && b.latency[0])], ["memory B/A", ratio(a.memory, b.memory)]])];
  }

  // Boards.
  function head(board) {
    return h("tr", {}, h("td", { class: "tick" }), columnsOf(board).map((column) => {
      const active = state.sort === column.key;
      const up = active && isUp(column);
      return h("th", { scope: "col", class: column.text ? "more" : null, "aria-sort": active ? (up ? "ascending" : "descending") : null },
        button(column.key === "value" && !board.higher ? "Value (lower is better)" : column.name, () => {
        set({ sort: column.key, dir: active ? (up ? "down" : "up") : "" });
        document.querySelector(`#board-${DATA.boards.indexOf(board)} [data-sort="${column.key}"]`).focus();
      }, { "data-sort": column.key }));
    }));
  }
  function drawBoard(board, number, rows) {
    const ordered = sorted(rows);
    const title = `${board.task}, edition ${board.edition}: ${board.metric} on ${board.database} ${board.split}`;
    const body = h("tbody", {}, ordered.flatMap(rowOf));
    markTies(ordered);
    return h("section", { class: "board", id: "board-" + number, "aria-label": title }, h("h2", {}, title),
      board.synthetic ? para("SYNTHETIC DATA: these values say nothing about real faces.", "warning") : null,
      board.annotations ? h("p", { class: "note" }, `annotations ${board.annotations}` + (board.level ? `, ${board.level * 100}% intervals over tracks` : "")) : null,
      pareto(board, ordered),
      h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": `Results of ${title}` }, h("table", { class: "results" }, h("thead", {}, head(board)), body)));
  }
  let shown = [];
  function draw() {
    for (const [key, control] of Object.entries(controls)) if (control.value !== state[key]) control.value = state[key];
    const focused = document.activeElement;
    shown = ROWS.filter(isShown);
    const boards = DATA.boards.map((board, at) => [board, at, shown.filter((row) => row.at === at)]).filter(([, , rows]) => rows.length);
    $("boards").replaceChildren(...boards.map(([board, at, rows]) => drawBoard(board, at, rows)));
    $("count").textContent = `${shown.length} of ${ROWS.length} results on ${boards.length} board${boards.length === 1 ? "" : "s"}`;
    comparison();
    if (focused && focused !== document.activeElement && focused.isConnected) focused.focus();
  }

  // Downloads hold what is shown, in its order.
  const FIELDS = ["task", "edition", "database", "split", "synthetic", "metric", "name", "model", "seed", "published", "rank", "value", "low", "high", "floor",
    "coverage", "params", "macs", "p50_ms", "memory", "fps", "joules", "device", "runtime", "pretrained", "marks", "caveats", "source"];
  const flat = (row) => ({ ...row, ...row.board, low: row.interval ? row.interval[0] : null, high: row.interval ? row.interval[1] : null,
    p50_ms: row.latency ? row.latency[0] : null, pretrained: weightsOf(row), marks: (row.marks || []).join("; "), caveats: (row.caveats || []).join("; "),
    published: Boolean(row.published) });
  const chosen = () => DATA.boards.flatMap((board, at) => sorted(shown.filter((row) => row.at === at))).map((row) => {
    const all = flat(row);
    return Object.fromEntries(FIELDS.map((field) => [field, known(all[field]) ? all[field] : null]));
  });
  // A cell that begins like a formula is kept text, for spreadsheets would run it.
  const quoted = (value) => {
    const text = value === null ? "" : typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? "'" + value : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  function download(name, type, text) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = h("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
  const toCsv = () => [FIELDS, ...chosen().map((row) => FIELDS.map((field) => row[field]))].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
  $("csv").addEventListener("click", () => download("abawbench.csv", "text/csv", toCsv()));
  $("json").addEventListener("click", () => download("abawbench.json", "application/json", JSON.stringify(chosen(), null, 1)));
  $("link").addEventListener("click", (event) => copy(location.href, event.target));
  $("theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  });
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); $("boards").focus(); });
  addEventListener("hashchange", () => { readAddress(); draw(); });

  if (DATA.absent.length) $("footer").append(h("h2", {}, "Without a result"), items(DATA.absent.map((one) => `${one.model} on ${one.task}: ${one.why}`)));
  $("footer").append(para(`Made by abawbench ${DATA.abawbench}. This file holds its own data and a script of its own (Apache-2.0), and asks nothing of any network.`));
  makeFilters();
  readAddress();
  draw();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
