package href

// Page is a page of the wiki, read.
func Page(title string) string { return "/wiki/" + slug(title) }

// PageRevision is one revision of a page, for ever.
func PageRevision(title string, revision int64) string {
	return query(Page(title), "revision", positive(revision))
}

// PageEdit is the form that edits a page; the same path takes POST.
func PageEdit(title string) string { return "/edit/" + slug(title) }

// PageUndo is the form that takes one revision back.
func PageUndo(title string, revision int64) string {
	return query(PageEdit(title), "undo", positive(revision))
}

// PageHistory lists a page's revisions older than before; 0 begins at the newest.
func PageHistory(title string, before int64) string {
	return query("/history/"+slug(title), "before", positive(before))
}

// PageDiff compares two revisions of a page; with zeroes it is the action of
// the form that chooses them.
func PageDiff(title string, old, new int64) string {
	return query("/diff/"+slug(title), "old", positive(old), "new", positive(new))
}

// PageProtect is the form that says who may edit a page; moderators only. The
// same path takes POST, for hiding too.
func PageProtect(title string) string { return "/protect/" + slug(title) }

// PageHide is the form that hides one revision; moderators only.
func PageHide(title string, revision int64) string {
	return query(PageProtect(title), "revision", positive(revision))
}

// PageNew starts a page by its title.
func PageNew() string { return "/edit" }

// Talk is the discussion of a page.
func Talk(title string) string { return "/talk/" + slug(title) }

// CommentReply answers a comment, whatever it is about; POST.
func CommentReply(comment int64) string { return at("/comments", comment, "/replies") }

// CommentHide hides a comment's text, with a reason; POST, moderators only.
func CommentHide(comment int64) string { return at("/comments", comment, "/hide") }

// Members lists the members.
func Members() string { return "/members" }

// Member is one member's page.
func Member(id int64) string { return at("/members", id, "") }

// MemberContributions lists a member's acts.
func MemberContributions(id int64) string { return at("/members", id, "/contributions") }

// MemberTalk is the member's talk page.
func MemberTalk(id int64) string { return at("/members", id, "/talk") }

// MemberGroups is the form that gives and takes rights; for those who may.
func MemberGroups(id int64) string { return at("/members", id, "/groups") }

// Nodes are the member's own nodes.
func Nodes() string { return "/nodes" }

// AllNodes lists every node of the community.
func AllNodes() string { return "/nodes/all" }

// NodeNew is the form that makes a join token; the same path takes POST.
func NodeNew() string { return "/nodes/new" }

// Node is one node.
func Node(id int64) string { return at("/nodes", id, "") }

// NodeRename gives a node another name; POST.
func NodeRename(id int64) string { return at("/nodes", id, "/name") }

// NodeToken makes another join token for a node that has not joined; POST.
func NodeToken(id int64) string { return at("/nodes", id, "/token") }

// NodeRetire ends a node for good; POST.
func NodeRetire(id int64) string { return at("/nodes", id, "/retire") }
