package localdata

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/training/protocol"
)

// ErrNoGit says that the program git is missing, which reads repositories.
var ErrNoGit = errors.New("to read a repository the program git is needed, and it is not installed here")

// history stands for the file in the paths of commits.
const history = "history"

// repository reads a repository's objects through git, which is only asked to
// list and print them: no hook, no configuration but the repository's own, no
// pager, no lock, no missing object fetched. What git prints is treated as a
// stranger's.
func (r *reading) repository(ctx context.Context) error {
	dir, err := filepath.Abs(r.source.Path)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return fmt.Errorf("open the repository: %w", err)
	}
	program, err := exec.LookPath("git")
	if err != nil {
		return ErrNoGit
	}
	g := &git{program, dir}
	files := []string{"rev-list", "--objects", "--no-walk", "HEAD"}
	if r.source.History == Versions {
		files = []string{"rev-list", "--objects", "--all"}
	}
	if err := r.objects(ctx, g, r.source.History == Versions, files); err != nil {
		return fmt.Errorf("read the repository %s: %w", dir, err)
	}
	if r.source.History == NoPast || r.source.History == Versions { // Versions lists the commits as well
		return nil
	}
	if err := r.objects(ctx, g, true, []string{"rev-list", "HEAD"}); err != nil {
		return fmt.Errorf("read the history of %s: %w", dir, err)
	}
	return nil
}

// git runs the program in a repository.
type git struct{ program, dir string }

func (g *git) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.program, append([]string{
		"--no-optional-locks", "--no-pager", "-c", "safe.directory=*", "-c", "protocol.allow=never", "-c", "core.fsmonitor=false",
		"-c", "core.hooksPath=" + os.DevNull, "-c", "core.alternateRefsCommand=", "-c", "core.commitGraph=false",
	}, args...)...)
	cmd.Dir = g.dir
	cmd.Env = []string{
		"PATH=" + filepath.Dir(g.program), "HOME=" + os.DevNull, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1",
		"GIT_CEILING_DIRECTORIES=" + filepath.Dir(g.dir), // a folder inside of another repository is not that one
	}
	return cmd
}

// complaint keeps the beginning of what a program says.
type complaint struct{ bytes.Buffer }

// Write takes what fits and drops the rest.
func (c *complaint) Write(b []byte) (int, error) {
	const most = 500
	if room := most - c.Len(); room > 0 {
		c.Buffer.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

// said is an error with what the program said to it.
func (c *complaint) said(err error) error {
	if text := strings.TrimSpace(strings.ToValidUTF8(c.String(), "?")); text != "" {
		return fmt.Errorf("git: %w: %s", err, text)
	}
	return fmt.Errorf("git: %w", err)
}

// objects lists objects with one git and has each printed by another. Commits
// are taken if they are wanted.
func (r *reading) objects(ctx context.Context, g *git, commits bool, list []string) error {
	running, stop := context.WithCancel(ctx)
	var wrong [2]complaint
	lister, printer := g.command(running, list...), g.command(running, "cat-file", "--batch")
	lister.Stderr, printer.Stderr = &wrong[0], &wrong[1]
	names, err1 := lister.StdoutPipe()
	ask, err2 := printer.StdinPipe()
	told, err3 := printer.StdoutPipe()
	err := errors.Join(err1, err2, err3)
	if err == nil {
		err = lister.Start()
	}
	if err != nil {
		stop()
		return fmt.Errorf("git: %w", err)
	}
	if err = printer.Start(); err != nil {
		stop()
		_ = lister.Wait() // it was stopped
		return fmt.Errorf("git: %w", err)
	}
	err = r.print(commits, bufio.NewReaderSize(names, 64<<10), ask, bufio.NewReaderSize(told, 64<<10))
	if err != nil { // what is not read any more would keep them waiting
		stop()
	}
	ask.Close()
	failed := [2]error{lister.Wait(), printer.Wait()}
	stop()
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, errEnough) && wrong[0].Len() > 0 {
			return wrong[0].said(err)
		}
		return err
	}
	for i, f := range failed {
		if f != nil {
			return wrong[i].said(f)
		}
	}
	return nil
}

// print asks for each object of the list, and takes it.
func (r *reading) print(commits bool, names *bufio.Reader, ask io.Writer, told *bufio.Reader) error {
	for {
		line, err := names.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return nil
		} else if err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		id, name, tree := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if tree && name == "" || !isObject(id) {
			continue // the root of a tree
		}
		if !tree && !commits {
			continue
		}
		name = strings.ToValidUTF8(name, "?")
		if name != "" && !isLicence(name) && !r.source.admits(name) {
			continue
		}
		if _, err := io.WriteString(ask, id+"\n"); err != nil {
			return fmt.Errorf("ask for an object: %w", err)
		}
		if err := r.object(id, name, told); err != nil {
			return err
		}
	}
}

func isObject(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}

// object reads one answer of cat-file: “id type size”, the bytes, a line end.
func (r *reading) object(id, name string, told *bufio.Reader) error {
	header, err := told.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read object %s: %w", id, err)
	}
	f := strings.Fields(header)
	if len(f) == 2 && f[1] == "missing" {
		r.skip(name+"@"+id[:12], "not in this copy of the repository")
		return nil
	}
	if len(f) != 3 || f[0] != id {
		return fmt.Errorf("read object %s: git answered %.80q", id, header)
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 {
		return fmt.Errorf("read object %s: size %.20q", id, f[2])
	}
	wanted := f[1] == "commit" || f[1] == "blob" && name != ""
	if wanted && size > r.bounds.File {
		r.skip(name+"@"+id[:12], fmt.Sprintf("%v of %d bytes", errTooLong, r.bounds.File))
		wanted = false
	}
	if !wanted {
		if _, err = io.CopyN(io.Discard, told, size+1); err != nil {
			return fmt.Errorf("read object %s: %w", id, err)
		}
		return nil
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(told, data); err != nil {
		return fmt.Errorf("read object %s: %w", id, err)
	}
	if data = data[:size]; f[1] == "commit" {
		return r.commit(id, data)
	}
	return r.file(name, data)
}

// commit takes what a commit says, under the licence of the repository. Its
// author is a person: the name is hidden.
func (r *reading) commit(id string, data []byte) error {
	head, body, _ := strings.Cut(strings.ToValidUTF8(string(data), "?"), "\n\n")
	who := ""
	for line := range strings.SplitSeq(head, "\n") {
		if rest, ok := strings.CutPrefix(line, "author "); ok {
			who, _, _ = strings.Cut(rest, " <")
		}
	}
	return r.say(history, message{id: id[:12], author: who, body: trailers(body), domain: protocol.Docs})
}

// trailers cuts the last lines of a commit that name people and not the change.
func trailers(body string) string {
	lines := strings.Split(strings.TrimRight(body, "\n"), "\n")
	for len(lines) > 0 {
		last := lines[len(lines)-1]
		key, _, ok := strings.Cut(last, ": ")
		if last != "" && !(ok && (strings.HasSuffix(key, "-by") || strings.HasSuffix(key, "-By") || key == "Cc" || key == "Change-Id")) {
			break
		}
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}
