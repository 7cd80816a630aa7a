/** Has a list of tabs show one of its panels, by the keyboard too (as WAI-ARIA has it). */
export function makeTabs(list: HTMLElement): (id: string) => void {
  const tabs = [...list.querySelectorAll<HTMLElement>("[role=tab]")];
  const panelOf = (tab: HTMLElement) =>
    document.getElementById(tab.getAttribute("aria-controls")!)!;
  const choose = (chosen: HTMLElement) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      panelOf(tab).hidden = tab !== chosen;
    }
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const step = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
      const next = tabs[(index + step + tabs.length) % tabs.length]!;
      if (step === 0) return;
      choose(next);
      next.focus();
    });
  }
  return (id) => choose(tabs.find((tab) => tab.id === id)!);
}
