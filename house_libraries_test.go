package main_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

var libraryRules = []rule{
	{"libraries with power", "a library that can do much is used in few places, so that a reader knows where to look and a change of library stays small", checkPowers},
	{"pure or store", "a package computes or keeps, never both: what computes can be tested, fuzzed and recomputed by anyone without a database, a network or a clock", checkPure},
	{"jobs of stores", "a store may say which job comes next (arguments and options); running jobs is for workers", checkJobs},
	{"no cgo", "one static binary for every platform, and one arithmetic", checkCgo},
}

// Import paths that several rules speak of.
const (
	pgx   = "github.com/jackc/pgx/v5"
	river = "github.com/riverqueue/river"
)

var stores = slices.Concat(governanceStores, trainingStores)

// powers says who may import a library. A user "handlers/..." includes the
// packages below. Tests are free.
var powers = map[string][]string{
	pgx:                                   with(stores, "governance/pg", "governance/pg/embedded", "governance/audit", "governance/keys/marks", "migrations", "workers", "handlers/cli"), // the last two name the pool and River's client
	river:                                 with(stores, "governance/audit", "workers", "migrations", "handlers/cli"),
	"github.com/go-chi":                   {"handlers/..."},
	"github.com/a-h/templ":                {"web/...", "handlers/..."},
	"github.com/coreos/go-oidc":           {"handlers/session"},
	"golang.org/x/oauth2":                 {"handlers/session"},
	"github.com/alexedwards/scs":          {"handlers/session"},
	"github.com/zitadel":                  {"handlers/localidp"},
	"github.com/go-jose":                  {"handlers/localidp"},
	"golang.org/x/crypto":                 {"handlers/localidp", "training/secagg"},
	"github.com/pressly/goose":            {"migrations"},
	"github.com/yuin/goldmark":            {"governance/wikitext"},
	"github.com/microcosm-cc/bluemonday":  {"governance/wikitext"},
	"github.com/minio/minio-go":           {"training/blobs/s3"},
	"filippo.io/age":                      {"governance/envelope", "governance/keys", "governance/elections", "governance/voting", "workers", "handlers/cli"},
	"znkr.io/diff":                        {"governance/diff"},
	"golang.org/x/mod":                    {"governance/translog", "governance/audit", "governance/keys", "governance/envelope", "training/protocol", "training/localdata", "training/rounds", "training/unlearning", "handlers", "handlers/cli", "workers/..."},
	"net/http":                            {"handlers/...", "static", "workers/agent", "workers/demo", "web/gallery", "training/blobs/s3", "."},
	"database/sql":                        {"migrations"},
	"github.com/chromedp":                 {},
	"pgregory.net/rapid":                  {},
	"html/template":                       {},
	"text/template":                       {},
	"math/rand":                           {},
	"github.com/transparency-dev/tessera": {},
}

// exact are the libraries whose sub-packages are free: math/rand/v2 is fine
// where math/rand is not, and a Digest says how it is stored by
// database/sql/driver.
var exact = []string{"math/rand", "database/sql", "net/http"}

func checkPowers(h *house) (list []finding) {
	for _, f := range h.goFiles(code) {
		for _, imported := range f.imports() {
			for library, users := range powers {
				covers := under(imported, library)
				if slices.Contains(exact, library) {
					covers = imported == library
				}
				if covers && !slices.ContainsFunc(users, func(u string) bool { return fits(u, f.dir) }) {
					list = append(list, found(f.path, "imports %s, which the table `powers` does not give to %s", imported, f.dir))
				}
			}
		}
	}
	return list
}

// fits matches a folder with a row: "web/..." includes what lies below.
func fits(pattern, dir string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/..."); ok {
		return under(dir, parent)
	}
	return pattern == dir
}

// pure are the packages that compute. keys reads files and is not one of them.
var pure = slices.Concat(
	slices.DeleteFunc(slices.Clone(pureGovernance), func(p string) bool { return p == "governance/keys" }),
	pureTraining, []string{"training/protocol"})

func checkPure(h *house) (list []finding) {
	effects := []string{pgx, river, "os", "net", "database/sql", "syscall", "log", "math/rand"}
	for _, f := range h.goFiles(code) {
		if !slices.Contains(pure, f.dir) {
			continue
		}
		for _, imported := range f.imports() {
			// A LogValuer keeps a secret out of logs, net/url only parses,
			// math/rand/v2 is seeded by the caller.
			if imported == "log/slog" || imported == "net/url" || imported == "math/rand/v2" {
				continue
			}
			if slices.ContainsFunc(effects, func(e string) bool { return under(imported, e) }) {
				list = append(list, found(f.path, "imports %s, but %s computes", imported, f.dir))
			}
		}
	}
	return list
}

func checkJobs(h *house) (list []finding) {
	allowed := []string{"InsertOpts", "UniqueOpts", "JobArgs"} // and the states of a job, in rivertype
	for _, f := range h.goFiles(code) {
		if !slices.Contains(stores, f.dir) {
			continue
		}
		for _, imported := range f.imports() {
			if under(imported, river) && imported != river && imported != river+"/rivertype" {
				list = append(list, found(f.path, "imports %s", imported))
			}
		}
		each(f, func(s *ast.SelectorExpr) {
			if f.selects(s, river, s.Sel.Name) && !slices.Contains(allowed, s.Sel.Name) {
				list = append(list, found(h.at(s), "uses river.%s", s.Sel.Name))
			}
		})
	}
	return list
}

func checkCgo(h *house) (list []finding) {
	for _, f := range h.goFiles(func(*file) bool { return true }) {
		each(f, func(s *ast.ImportSpec) {
			if s.Path.Kind == token.STRING && s.Path.Value == `"C"` {
				list = append(list, found(h.at(s), "imports C"))
			}
		})
	}
	return list
}
