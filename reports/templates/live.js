/* A run as it goes: each event of the stream is one line of progress.jsonl. Text is only ever set as text. */
(() => {
  "use strict";
  const banner = document.querySelector("[data-live]");
  if (!banner) return;
  const SHOWN = 300;
  const at = (name) => document.querySelector(`[data-${name}]`);
  const marks = { fail: "✗", error: "!", warn: "▲", pass: "✓" };
  const counts = {};
  let done = 0, due = 0, begun = 0, ended = false;

  function made(tag, text, name) {
    const node = document.createElement(tag);
    node.textContent = text;
    if (name) node.className = name;
    return node;
  }
  function start(row) {
    due = row.checks;
    begun = Date.now() - row.at_s * 1000;
    at("state").textContent = "Running";
    at("roots").hidden = !row.test_roots;
    at("target").textContent = row.target;
    at("url").textContent = row.url;
    at("contract").textContent = `against ${row.contract}`;
    at("due").textContent = due;
  }
  function check(row) {
    done += 1;
    counts[row.outcome] = (counts[row.outcome] ?? 0) + 1;
    const number = document.querySelector(`[data-count="${CSS.escape(row.outcome)}"]`);
    if (number) { number.textContent = counts[row.outcome]; number.classList.add(`o-${row.outcome}`); }  // none of them is no alarm
    at("done").textContent = done;
    at("suite").textContent = `· ${row.suite}`;
    document.querySelector("progress").value = due ? Math.min(done / due, 1) : 0;
    const line = made("li", "", `o-line edge-${row.outcome}`);
    line.append(made("span", `${marks[row.outcome] ?? "○"} ${row.outcome}`, `badge o-${row.outcome}`), " ", made("span", row.requirements.join(" "), "mono"), " ", made("span", row.check.split("::").pop().replaceAll("_", " ").replace(/^test /, "").replace("[", " [")));
    if (row.told) line.append(made("p", row.told, "dim"));
    at("checks").prepend(line);
    if (at("checks").children.length > SHOWN) at("checks").lastElementChild.remove();
    if (row.outcome === "fail") {
      at("found").hidden = false;
      const card = made("li", row.told || row.check, "edge-fail");
      card.append(made("p", row.requirements.join(" "), "mono"));
      at("broken").append(card);
    }
  }
  function end(row) {
    ended = true;
    source.close();
    const words = { conforms: "Conforms", "does-not-conform": "Does not conform", incomplete: "Incomplete", "harness-fault": "Harness fault" };
    at("state").textContent = words[row.verdict] ?? "Ended without results";
    banner.classList.add(`v-${row.verdict ?? "harness-fault"}`);
    at("suite").textContent = "";
    at("stop")?.remove();
    if (row.report) { at("report").href = row.report; at("report").hidden = false; document.querySelector("progress").value = 1; }
    if (row.said) { at("said").textContent = row.said; at("said").hidden = false; }
  }
  const source = new EventSource(banner.dataset.live);
  source.addEventListener("message", (event) => {
    const row = JSON.parse(event.data);
    if (row.kind === "started") start(row);
    if (row.kind === "check") check(row);
  });
  source.addEventListener("ended", (event) => end(JSON.parse(event.data)));
  source.addEventListener("error", () => { if (!ended) at("state").textContent = "No connection: trying again"; });
  source.addEventListener("open", () => { if (!ended && due) at("state").textContent = "Running"; });
  setInterval(() => { if (begun && !ended) at("clock").textContent = `· ${Math.round((Date.now() - begun) / 1000)} s`; }, 1000);
  addEventListener("pagehide", () => source.close());
})();
