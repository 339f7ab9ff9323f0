(() => {
  const live = () => document.getElementById("live"), said = document.getElementById("said");
  const say = (text) => { said.textContent = text; clearTimeout(say.later); say.later = setTimeout(() => { said.textContent = ""; }, 6000); };
  let busy = false, asking = null;
  // Only what has changed is put into the page: no flicker, and what is open, focused or selected stays so.
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
  const morph = (old, fresh) => {
    if (old.nodeType === 3) { if (old.data !== fresh.data) old.data = fresh.data; return; }
    for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !(name === "open" && old.tagName === "DETAILS")) old.removeAttribute(name);
    const olds = [...old.childNodes], news = [...fresh.childNodes];
    news.forEach((child, place) => {
      const before = olds[place];
      if (!before) old.appendChild(child);
      else if (same(before, child)) morph(before, child);
      else before.replaceWith(child);
    });
    olds.slice(news.length).forEach((child) => child.remove());
  };
  const renew = async () => {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch("status", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      if (fresh) morph(live(), fresh);
      live().removeAttribute("aria-busy");
    } catch (error) { say("The backend does not answer at the moment; what you see may be old."); }
    busy = false;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-action]");
    if (!button) return;
    if (button.dataset.sure && asking !== button) {
      asking = button; const label = button.textContent; button.textContent = button.dataset.sure;
      setTimeout(() => { if (asking === button) { asking = null; button.textContent = label; } }, 4000);
      return;
    }
    asking = null; button.disabled = true;
    try {
      const answer = await fetch("status/" + button.dataset.action, { method: "POST",
        headers: { "Content-Type": "application/json" }, body: button.dataset.body });
      say((await answer.json()).detail || answer.statusText);
    } catch (error) { say("That did not reach the backend."); }
    button.disabled = false;
    await renew();
  });
  setInterval(renew, 5000);
  document.addEventListener("visibilitychange", renew);
})();
