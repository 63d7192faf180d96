// A formula is a box, and a line may break on either side of a box: keep its brackets and its comma with it.
addEventListener("DOMContentLoaded", () => {
  for (const formula of document.querySelectorAll(".bd-article span.math")) {
    const [before, after] = [formula.previousSibling, formula.nextSibling];
    const opening = before instanceof Text ? before.data.match(/[(\[“‘]*$/)[0] : "";
    const closing = after instanceof Text ? after.data.match(/^[.,:;!?)\]”’-]*/)[0] : "";
    if (!opening && !closing) continue;
    before?.replaceData?.(before.length - opening.length, opening.length, "");
    after?.replaceData?.(0, closing.length, "");
    const together = document.createElement("span");
    together.style.whiteSpace = "nowrap";
    formula.replaceWith(together);
    together.append(opening, formula, closing);
  }
});
