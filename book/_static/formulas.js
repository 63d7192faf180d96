// A formula is a box, and a line may break on either side of a box: keep its brackets and its comma with it.
addEventListener("DOMContentLoaded", () => {
  for (const formula of document.querySelectorAll(".bd-article span.math")) {
    const together = document.createElement("span");
    together.style.whiteSpace = "nowrap";
    const [before, after] = [formula.previousSibling, formula.nextSibling];
    const opening = before?.nodeType === Node.TEXT_NODE ? before.data.match(/[(\[“‘]*$/)[0] : "";
    const closing = after?.nodeType === Node.TEXT_NODE ? after.data.match(/^[.,:;!?)\]”’-]*/)[0] : "";
    if (!opening && !closing) continue;
    if (opening) before.data = before.data.slice(0, -opening.length);
    if (closing) after.data = after.data.slice(closing.length);
    formula.replaceWith(together);
    together.append(opening, formula, closing);
  }
});
