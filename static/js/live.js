// live.js keeps one part of a page fresh. An element that says
//   <div id="round" data-live="/campaigns/7/events">
// gets the HTML of each server-sent event as its content; the server has
// rendered and escaped it. Without script the page is as old as its reload.
for (const part of document.querySelectorAll("[data-live]")) {
	const source = new EventSource(part.dataset.live);
	source.onmessage = (event) => {
		// Someone who reads or types here is not interrupted.
		if (!part.contains(document.activeElement)) part.innerHTML = event.data;
	};
	addEventListener("pagehide", () => source.close());
}
