package embedded

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// Postgres makes the data directory its working directory, which /proc shows
// of our own processes, and of all to root.

// procStat returns the program's name and the state letter of /proc/PID/stat,
// "pid (name) state …"; the name may hold anything, so the last ')' counts.
func procStat(pid int) (name string, state byte, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", 0, false
	}
	open, shut := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || shut < open || shut+2 >= len(text) {
		return "", 0, false
	}
	return string(text[open+1 : shut]), text[shut+2], true
}

// running is false for a zombie: in a container without an init a killed
// server may stay one for ever.
func running(pid int) bool {
	_, state, ok := procStat(pid)
	return ok && state != 'Z' && state != 'X'
}

func isPostgres(pid int) bool {
	name, _, ok := procStat(pid)
	return ok && (name == "postgres" || name == "postmaster")
}

func workDir(pid int) string {
	dir, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd")
	if err != nil {
		return ""
	}
	return dir
}

// servesData reports whether the process is a Postgres of this directory.
func servesData(pid int, data string) bool {
	return running(pid) && isPostgres(pid) && workDir(pid) == data
}

// worksElsewhere reports whether the process surely has another directory.
func worksElsewhere(pid int, data string) bool {
	dir := workDir(pid)
	return dir != "" && dir != data
}

// backendsIn lists every Postgres process of this directory.
func backendsIn(data string) []int {
	var pids []int
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err == nil && servesData(pid, data) {
			pids = append(pids, pid)
		}
	}
	return pids
}
