// Package members keeps who belongs to the community and what each may do.
//
// A member is a person known by (issuer, subject): the OpenID provider that
// vouches for the sign-in, and its name for the person. An e-mail address
// never identifies anybody, because two providers may both claim it.
//
// Members are in groups, groups carry rights, and a membership may end by
// itself. The map from groups to rights is a table in this package, shown to
// everybody by Groups and Rights. Nothing about rights is kept in a session: every
// act asks Require in its own transaction, so that what a moderator lost a
// second ago is lost.
//
// Whoever leaves is forgotten here: the row keeps its number and two dates,
// and lists say "a former member". The log has never held more than the number.
package members
