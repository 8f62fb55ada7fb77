// Shows what a file beside this script says.
fetch(new URL("data/club.json", document.currentScript.src))
  .then((answer) => answer.json())
  .then((club) => { document.getElementById("founded").value = club.founded; });
