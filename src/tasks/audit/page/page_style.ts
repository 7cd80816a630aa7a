/** The page's style sheet: light, dark, print. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#fbfbf9, #16181b);
  --ink: light-dark(#1b1d20, #e9e9e6);
  --quiet: light-dark(#5a5f66, #a3a8ae);
  --line: light-dark(#d7d8d3, #3a3f45);
  --main: light-dark(#2f5fb3, #86b0f0);
  --up: light-dark(#1f6f54, #63c6a1);
  --down: light-dark(#b03a2b, #ef8f7f);
  --focus: light-dark(#1558c0, #86b5ff);
  --plot-background: var(--ground);
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0 auto;
  padding: 2.5rem 1.25rem 5rem;
  max-width: 66rem;
  background: var(--ground);
  color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif;
}
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 0 0 .75rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
p { margin: .4rem 0; max-width: 46rem; }
a { color: inherit; text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 3px; }
.quiet, .missing { color: var(--quiet); }
.skip { position: absolute; left: -100vw; background: var(--ground); padding: .5rem 1rem; }
.skip:focus { left: 1rem; top: .5rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: 1.25rem 0 0; list-style: none; }
section { margin-top: 3.5rem; }
.models { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1.75rem 2.5rem; margin-top: 1.75rem; }
dl { margin: .5rem 0 0; display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); gap: .35rem 1rem; max-width: 50rem; }
dt { color: var(--quiet); }
dd { margin: 0; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
figure { margin: 1.75rem 0 2.5rem; }
figcaption { max-width: 46rem; margin-bottom: .9rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 1.75rem 2rem; }
.panels.one { grid-template-columns: minmax(0, 48rem); }
.plot { font-size: 12px; display: block; max-width: 100%; height: auto; overflow: visible; color: var(--ink); }
.plot text { white-space: pre; }
.plot .grid { color: var(--line); stroke-opacity: 1; }
details { margin-top: .6rem; }
summary { cursor: pointer; color: var(--quiet); width: fit-content; }
summary:hover { color: var(--ink); }
.scroll { overflow-x: auto; margin: .25rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
.caption { font-size: .92rem; font-weight: 600; max-width: none; margin: .75rem 0 0; }
th, td { padding: .3rem 1.4rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: baseline; }
th:first-child { text-align: left; }
th { font-weight: 400; }
thead th { color: var(--quiet); }
pre { margin: .5rem 0; padding: .6rem .8rem; border: 1px solid var(--line); border-radius: .35rem; overflow-x: auto; font-size: .86rem; }
footer { margin-top: 4rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media print {
  :root { color-scheme: light; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  nav, .skip, summary { display: none; }
  section { margin-top: 1.5rem; }
  figure, .models > div, tr { break-inside: avoid; }
  h2, h3, figcaption { break-after: avoid; }
  details::details-content { content-visibility: visible; display: block; block-size: auto; }
  .scroll, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
}
`;
