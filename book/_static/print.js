// Paper is white: print in light mode, then go back to what the reader had chosen.
const page = document.documentElement;
let chosen;

window.addEventListener("beforeprint", () => {
  chosen = page.dataset.theme;
  page.dataset.theme = "light";
});

window.addEventListener("afterprint", () => {
  page.dataset.theme = chosen;
});
