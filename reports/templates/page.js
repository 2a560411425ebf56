(() => {
  "use strict";
  const form = document.querySelector(".filters:not([data-plain])");
  const rows = [...document.querySelectorAll("[data-outcome]")];
  const known = new Map();
  function words(row) {
    if (!known.has(row)) known.set(row, row.textContent.toLowerCase());
    return known.get(row);
  }

  const views = [...document.querySelectorAll(".view")];
  const links = [...document.querySelectorAll(".views a")];
  function show(view) {
    for (const each of views) each.hidden = each !== view;
    for (const link of links) link.toggleAttribute("data-current", link.hash === `#${view.id}`);
    for (const link of links) link.setAttribute("aria-current", link.hash === `#${view.id}` ? "page" : "false");
    document.querySelector(".views [data-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function keeps(row, wanted) {
    const sought = (wanted.text || "").toLowerCase().trim();
    return (!wanted.outcome || row.dataset.outcome === wanted.outcome)
      && (!wanted.level || row.dataset.level === wanted.level)
      && (!wanted.suite || row.dataset.suites.split(" ").includes(wanted.suite))
      && (!wanted.differs || row.dataset.differs === "yes")
      && (!sought || sought.split(/\s+/).every((word) => words(row).includes(word)));
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
    let waiting = 0;
    form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 80); });
    form.addEventListener("submit", (event) => event.preventDefault());
    filter();
  }

  for (const link of document.querySelectorAll("a[data-suite]")) link.addEventListener("click", () => {
    if (!form) return;
    form.reset();
    form.elements.suite.value = link.dataset.suite;
    filter();
  });

  const toggle = document.querySelector("[data-toggle-all]");
  toggle?.addEventListener("click", () => {
    const open = toggle.textContent === "Open all";
    for (const row of rows) row.open = open && !row.hidden;
    toggle.textContent = open ? "Close all" : "Open all";
  });

  function reveal() {
    const at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const view = at?.closest(".view") ?? views.find((each) => !each.hidden) ?? views[0];
    if (view) show(view);
    if (!at) return;
    if (form && at.closest("[data-outcome][hidden]")) { form.reset(); filter(); }
    for (let node = at; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (at === view) scrollTo(0, 0); else at.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  if (views.length) show(views[0]);
  reveal();

  addEventListener("keydown", (event) => {
    const search = form?.querySelector("[type=search]");
    if (event.key !== "/" || !search || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    const view = search.closest(".view");
    if (view) show(view);
    search.focus();
  });

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
