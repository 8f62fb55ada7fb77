// Routes in the browser: what is shown depends on the address alone, and links change the address without a request.
const render = () => {
  document.querySelector("h1").textContent = "view:" + location.pathname.slice(new URL(document.baseURI).pathname.length);
};
document.querySelector("a").onclick = (click) => {
  click.preventDefault();
  history.pushState(null, "", click.target.href);
  render();
};
window.onpopstate = render;
render();
