package agent

import (
	"fmt"
	"runtime"
	"time"
)

// Limits are what the owner allows. They win over every assignment.
type Limits struct {
	Hours     string `json:"hours"`             // "22:00-07:00" by the machine's clock; "" is always
	Threads   int    `json:"threads"`           // 0 is all processors
	Megabytes int64  `json:"megabytes"`         // of a model, and of all models kept; 0 is 4096
	Trainer   string `json:"trainer,omitempty"` // TrainerAuto, TrainerBuiltin or TrainerTorch; "" is auto
	Memory    int64  `json:"memory,omitempty"`  // MB of memory for the external trainer; 0 is no limit
	Public    bool   `json:"public,omitempty"`  // all text of this node is public: updates made of it may be published
}

// Check reports the first limit that cannot be read.
func (l Limits) Check() error {
	if l.Threads < 0 || l.Megabytes < 0 || l.Memory < 0 {
		return fmt.Errorf("limits: %d threads, %d MB of models and %d MB of memory: want 0 or more", l.Threads, l.Megabytes, l.Memory)
	}
	switch l.Trainer {
	case "", TrainerAuto, TrainerBuiltin, TrainerTorch:
	default:
		return fmt.Errorf("limits: trainer %q: want %s, %s or %s", l.Trainer, TrainerAuto, TrainerBuiltin, TrainerTorch)
	}
	_, _, err := l.window()
	return err
}

// window returns the beginning and end of the hours in minutes of the day;
// equal ones mean always.
func (l Limits) window() (from, to int, err error) {
	if l.Hours == "" {
		return 0, 0, nil
	}
	var h1, m1, h2, m2 int
	if n, err := fmt.Sscanf(l.Hours, "%d:%d-%d:%d", &h1, &m1, &h2, &m2); n != 4 || err != nil ||
		h1 < 0 || h1 > 23 || h2 < 0 || h2 > 23 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59 ||
		l.Hours != fmt.Sprintf("%02d:%02d-%02d:%02d", h1, m1, h2, m2) {
		return 0, 0, fmt.Errorf("limits: hours %q: want a form as “22:00-07:00”", l.Hours)
	}
	return h1*60 + m1, h2*60 + m2, nil
}

// allowed reports whether the node may work at a time, and if not, how long
// it is until then.
func (l Limits) allowed(now time.Time) (bool, time.Duration) {
	from, to, err := l.window()
	if err != nil { // Check refused it before
		return false, time.Hour
	}
	if from == to {
		return true, 0
	}
	at := now.Hour()*60 + now.Minute()
	inside := from < to && from <= at && at < to || from > to && (at >= from || at < to)
	if inside {
		return true, 0
	}
	wait := time.Duration((from-at+24*60)%(24*60)) * time.Minute
	return false, wait - time.Duration(now.Second())*time.Second
}

// threads returns how many threads to compute with.
func (l Limits) threads() int {
	if n := runtime.GOMAXPROCS(0); l.Threads == 0 || l.Threads > n {
		return n
	}
	return l.Threads
}

// bytes returns the most bytes that models may take.
func (l Limits) bytes() int64 {
	if l.Megabytes == 0 {
		return 4096 << 20
	}
	return l.Megabytes << 20
}
