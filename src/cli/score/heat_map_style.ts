/** The look of a page of token rewards, light and dark; less and more differ by their lines too. */
export const heatMapStyle =
  `:root { color-scheme: light dark; --up: #1f77d0; --down: #e07b00; --line: #8886; }
body { font: 16px/1.6 system-ui, sans-serif; margin: 0; background: Canvas; color: CanvasText; }
main { max-width: 56rem; margin: 0 auto; padding: 1rem 1rem 5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } h3 { font-size: 1rem; font-weight: 600; }
.prompt { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid var(--line); padding-left: .8rem; }
.heat { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.9; }
.t { padding: .15em 0; border-bottom: 2px solid transparent; }
.up { background: color-mix(in srgb, var(--up) calc(var(--r) * .55), transparent); border-bottom-color: color-mix(in srgb, var(--up) var(--r), transparent); }
.down { background: color-mix(in srgb, var(--down) calc(var(--r) * .55), transparent); border-bottom: 2px dotted color-mix(in srgb, var(--down) var(--r), transparent); }
.t:hover, .t:focus { outline: 2px solid currentColor; outline-offset: 1px; }
.key .t { padding: .15em .5em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .1rem .9rem .1rem 0; border-bottom: 1px solid var(--line); }
td:nth-child(3), th:nth-child(3) { text-align: left; }
#told { position: fixed; inset: auto 0 0 0; margin: 0; padding: .5rem 1rem; min-height: 1.6em; background: Canvas; border-top: 1px solid var(--line); white-space: pre; overflow: hidden; }
#told:empty { display: none; }
@media print { #told { display: none; } .t { print-color-adjust: exact; } }`;

/** Arrow keys go from token to token; the token that has the focus, or the pointer, is told. */
export const heatMapScript = `const told = document.getElementById("told");
const tell = (token) => { told.textContent = JSON.stringify(token.textContent) + "  " + token.title; };
for (const heat of document.querySelectorAll(".heat")) {
  const tokens = [...heat.children];
  heat.addEventListener("focusin", (event) => tell(event.target));
  heat.addEventListener("mouseover", (event) => { if (event.target.title) tell(event.target); });
  heat.addEventListener("keydown", (event) => {
    const at = tokens.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tokens.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = tokens[Math.min(tokens.length - 1, Math.max(0, to))];
    event.target.removeAttribute("tabindex");
    next.tabIndex = 0;
    next.focus();
  });
}`;
