(() => {
  "use strict";
  const form = document.querySelector(".filters");
  const rows = [...document.querySelectorAll("[data-outcome]")];
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

  function keeps(row, wanted) {
    return (!wanted.outcome || row.dataset.outcome === wanted.outcome)
      && (!wanted.level || row.dataset.level === wanted.level)
      && (!wanted.suite || row.dataset.suites.split(" ").includes(wanted.suite))
      && (!wanted.differs || row.dataset.differs === "yes")
      && (wanted.text || "").toLowerCase().split(/\s+/).every((word) => words.get(row).includes(word));
  }
  function filter() {
    const wanted = Object.fromEntries(new FormData(form));
    let shown = 0;
    for (const row of rows) {
      row.hidden = !keeps(row, wanted);
      shown += row.hidden ? 0 : 1;
    }
    form.querySelector(".shown").textContent = `${shown} of ${rows.length}`;
    document.querySelector(".none").hidden = shown > 0;
  }
  if (form) {
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    filter();
  }

  const toggle = document.querySelector("[data-toggle-all]");
  toggle?.addEventListener("click", () => {
    const open = toggle.textContent === "Open all";
    for (const row of rows) row.open = open;
    toggle.textContent = open ? "Close all" : "Open all";
  });

  function reveal() {
    let at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!at) return;
    if (form && at.closest("[data-outcome][hidden]")) { form.reset(); filter(); }
    for (let node = at; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    at.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  reveal();

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = button.parentElement.querySelector("pre");
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  addEventListener("beforeprint", () => {
    for (const row of rows) if (["fail", "error"].includes(row.dataset.outcome)) row.open = true;
  });
})();
