// The latent explorer (chapter 5): begins when the reader comes near it.

const host = document.getElementById("latent-explorer");

const observer = new IntersectionObserver(
  async (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    const { start } = await import("./explorer.js");
    await start(host, new URL(".", import.meta.url));
  },
  { rootMargin: "300px" },
);
observer.observe(host);
