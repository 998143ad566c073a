//go:build unix && !linux

package embedded

import (
	"os/exec"
	"strconv"
	"strings"
)

// Without /proc the command line of the postmaster, which names the data
// directory after -D, is what tells it from a stranger.

func psField(pid int, field string) string {
	out, err := exec.Command("ps", "-o", field+"=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func running(pid int) bool {
	state := psField(pid, "state")
	return state != "" && !strings.HasPrefix(state, "Z")
}

func isPostgres(pid int) bool { return strings.Contains(psField(pid, "command"), "postgres") }

// servesData reports whether the process is the postmaster of this directory.
func servesData(pid int, data string) bool {
	return running(pid) && isPostgres(pid) && strings.Contains(psField(pid, "command"), " "+data)
}

// worksElsewhere reports whether the process surely has another directory.
func worksElsewhere(pid int, data string) bool {
	command := psField(pid, "command")
	return command != "" && !strings.Contains(command, " "+data)
}

// backendsIn is empty: the children of a dead postmaster end by themselves,
// and until then Postgres refuses to start beside them.
func backendsIn(string) []int { return nil }
