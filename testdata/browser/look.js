// Looks at the page as a reader would and returns what is wrong with it, as a list of sentences.
(() => {
  if (document.readyState !== "complete") throw new Error("the page is still loading");
  const faults = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) faults.push(`it scrolls sideways: ${wide} px in a window of ${innerWidth}`);
  for (const image of document.images) {
    if (!image.complete || image.naturalWidth === 0) faults.push(`a picture is broken: ${image.src}`);
  }

  const brush = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  // Lays colours on white, one over the other, and returns the relative luminance of the result (WCAG 2).
  const luminance = (...colours) => {
    for (const colour of ["#fff", ...colours]) {
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = [...brush.getImageData(0, 0, 1, 1).data].map((v) => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  // What lies below an element, from the page up: one list of layers for each colour of a gradient that is among them.
  const grounds = (element) => {
    let all = [[]];
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      const stops = style.backgroundImage.includes("gradient(") ? style.backgroundImage.match(/(rgba?|color|oklab|oklch|lab|lch)\([^()]*\)/g) : null;
      all = (stops ?? [style.backgroundColor]).flatMap((colour) => all.map((layers) => [style.backgroundColor, colour, ...layers]));
    }
    return all;
  };

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim();
    const element = texts.currentNode.parentElement;
    if (!text || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    if (size < 12) faults.push(`"${text}" is ${size} px small`);
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    for (const box of range.getClientRects()) {
      if (box.left < -0.5 || box.right > innerWidth + 0.5) faults.push(`"${text}" is cut off at the side`);
    }
    const contrast = Math.min(...grounds(element).map((below) => {
      const [ink, paper] = [luminance(...below, style.color), luminance(...below)];
      return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    }));
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 600);
    if (contrast < (large ? 3 : 4.5)) faults.push(`"${text}" has a contrast of only ${contrast.toFixed(1)}`);
  }
  return faults;
})();
