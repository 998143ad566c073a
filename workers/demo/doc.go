// Package demo plays a community's life on a running platform: founding,
// members, pages, an election, nodes, a vote to train, the rounds, a node with
// planted secrets, a report, a vote to forget, the proof. Nothing of it is
// staged: every member has a browser with a cookie jar, reads pages, fills in
// the fields that are there and presses buttons; every node is a process of
// the node program with a folder of text. So the demonstration is also the
// longest test of the whole, and what it leaves behind is a community to look
// around in.
//
// The package knows the platform by HTTP and by the command line of the node
// program, and by nothing else: whatever it can do, any member can.
//
//	browser.go, form.go, page.go   what a person's browser does
//	text.go                        what the nodes hold, and what is planted
//	process.go                     the node program
//	story_*.go                     the steps, in order (story.go)
//	screen.go, figures.go          what the terminal shows
package demo
