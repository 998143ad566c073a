package embedded

import (
	"log/slog"
	"time"
)

// Options say where the database lives and how careful it is.
type Options struct {
	// Dir holds everything of this server; it is made when missing.
	Dir string
	// Log gets one line when a database is created or recovered. Nil is silent.
	Log *slog.Logger
	// Fast is for tests: commits are answered before they are written, the
	// disk is never synced, and 200 connections are allowed instead of 60. A
	// crash of Postgres loses the last moments, one of the machine everything.
	Fast bool
	// Patience is how long Start waits for a server that is just leaving Dir.
	// Zero is five seconds, which outlasts a clean stop; a caller who knows
	// that nobody is leaving asks for less.
	Patience time.Duration
}

// defaultPatience is for a program that is started again right after the last
// one was told to stop.
const defaultPatience = 5 * time.Second

// patience is how long to wait for the folder.
func (o Options) patience() time.Duration {
	if o.Patience == 0 {
		return defaultPatience
	}
	return o.Patience
}

// The names inside the server. There is one role, because the folder of the
// socket is what keeps others out.
const (
	superuser = "althing"
	database  = "althing"
	port      = "5432" // only a part of the socket's name
)
