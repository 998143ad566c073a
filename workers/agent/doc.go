// Package agent is the node's side of Althing: it joins a platform, asks for
// work, checks the mandate of everything it is asked to do, trains on text that
// stays on the machine, and sends back an update.
//
// The program that runs is the owner's own: the platform sends numbers from a
// closed set of recipes and never code. The owner's limits win over every
// assignment, and an assignment that no decision of the community covers is
// refused with the reason.
//
// Everything that the node must remember is in one folder (State). Work is at
// least once on both sides: an assignment that comes again, after a cut or a
// restart of either side, gives the same update and the same report. There is
// no database in here.
package agent
