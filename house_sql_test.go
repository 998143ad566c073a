package main_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance/pg"
)

var sqlRules = []rule{
	{"transactions", "one act, one transaction, one entry: a second way to write would be a way around the audit trail, so transactions begin in governance/audit and migrations only", checkTransactions},
	{"writes on the pool", "a write outside an act leaves no entry; stores write through *audit.Tx, housekeeping through pg.Keep", checkPoolWrites},
	{"one writer", "a table has one writer, the package that owns it: what a row may become is decided in one place", checkWriters},
	{"housekeeping", "pg.Keep writes without an entry, so a table joins it only when both lists name it: pg.Housekeeping with the reason, and this test", checkHousekeeping},
	{"table comments", "the schema is read by people with psql, too: every table says what it holds", checkTableComments},
	{"forward only", "old code runs on the new schema and data is never taken back by a migration", checkForward},
	{"columns by name", "select * changes its meaning when a column is added", checkStar},
	{"no now() in SQL", "the clock is a parameter (@now, from tx.Now), so that tests can travel and an act has one time", checkNow},
}

// owner is who writes a table, and why it is that package.
type owner struct{ dir, why string }

var owners = map[string]owner{
	"audit_entries":     {"governance/audit", "entries come out of Act and nowhere else"},
	"audit_held":        {"governance/audit", "entries of secret ballots wait here for their day"},
	"audit_operations":  {"governance/audit", "a retry must find what the first try did"},
	"audit_hashes":      {"governance/audit", "the sequencer's tree"},
	"audit_head":        {"governance/audit", "the sequencer's tree"},
	"audit_checkpoints": {"governance/audit", "the sequencer's signatures"},
	"names":             {"governance/audit", "what people read for a reference, set in acts through tx.Name"},
	"members":           {"governance/members", "identity"},
	"memberships":       {"governance/members", "rights come from groups"},
	"suspensions":       {"governance/members", "rights end here"},
	"invitations":       {"governance/members", "who may join"},
	"accounts":          {"governance/accounts", "the local OpenID provider"},
	"sign_in_codes":     {"governance/accounts", "the local OpenID provider"},
	"sessions":          {"governance/accounts", "who is signed in"},
	"nodes":             {"governance/nodes", "registration and standing"},
	"join_tokens":       {"governance/nodes", "a token is used once"},
	"server_keys":       {"governance/nodes", "which key nodes trust, named in the log"},
	"key_marks":         {"governance/keys/marks", "by what servers see that they hold the same keys"},
	"request_nonces":    {"governance/nodes", "signed requests against replay"},
	"heartbeats":        {"governance/nodes", "when a node was heard"},
	"pages":             {"governance/pages", "every text of the community"},
	"revisions":         {"governance/pages", "every text of the community"},
	"policy_values":     {"governance/policies", "what is in force at a time"},
	"founding":          {"governance/policies", "the first member and the first rules"},
	"polls":             {"governance/voting", "frozen rules, state and result"},
	"roll":              {"governance/voting", "who may vote, frozen at opening"},
	"ballots":           {"governance/voting", "open ballots"},
	"envelopes":         {"governance/voting", "sealed ballots until the close"},
	"opened_ballots":    {"governance/voting", "sealed ballots after the close"},
	"elections":         {"governance/elections", "offices and their terms"},
	"candidates":        {"governance/elections", "who stands"},
	"flags":             {"governance/moderation", "what members report"},
	"cases":             {"governance/moderation", "the state machine"},
	"decisions":         {"governance/moderation", "what moderators decide, with the reason"},
	"threads":           {"governance/talk", "discussions"},
	"comments":          {"governance/talk", "discussions"},
	"proposals":         {"governance/proposals", "the state machine"},
	"sponsors":          {"governance/proposals", "who carries a proposal"},
	"checkpoints":       {"training/models", "artefacts of training"},
	"lineage":           {"training/models", "which checkpoint came from which"},
	"versions":          {"training/models", "what is served"},
	"unlearning_cases":  {"training/unlearning", "the state machine"},
	"manifests":         {"training/corpus", "what nodes say they hold"},
	"strata":            {"training/corpus", "what nodes say their text is made of"},
	"first_uses":        {"training/corpus", "when text was first trained on"},
	"campaigns":         {"training/rounds", "rounds under one mandate"},
	"rounds":            {"training/rounds", "the state machine"},
	"assignments":       {"training/rounds", "what a node was asked"},
	"round_leases":      {"training/rounds", "which node holds a task"},
	"blob_candidates":   {"training/rounds", "uploads that no report names yet"},
	"updates":           {"training/rounds", "what nodes reported"},
	"update_checks":     {"training/rounds", "what every check said of every update"},
	"update_sketches":   {"training/rounds", "how a node's last update pointed, for the checks of the next"},
	"draws":             {"training/rounds", "who was there when a cohort was drawn, and why each was asked or not"},
	"audits":            {"training/rounds", "who may read the updates of a round"},
	"spot_checks":       {"training/rounds", "what came of training an update again"},
}

// kept are the tables that pg.Keep may write.
var kept = []string{"accounts", "blob_candidates", "heartbeats", "key_marks", "request_nonces", "round_leases", "sessions", "sign_in_codes"}

// begins are the folders where a transaction may begin.
var begins = []string{"governance/audit", "migrations"}

var transactionText = regexp.MustCompile(`(?i)^\s*(?:begin|start\s+transaction)\s*(?:;|$|isolation|read|transaction|work)`)

func checkTransactions(h *house) (list []finding) {
	for _, f := range h.goFiles(code) {
		if slices.Contains(begins, f.dir) {
			continue
		}
		each(f, func(c *ast.CallExpr) {
			s, ok := c.Fun.(*ast.SelectorExpr)
			if !ok {
				return
			}
			// pgx's Begin takes a context and nothing else; a domain may
			// begin other things.
			if s.Sel.Name == "BeginTx" || s.Sel.Name == "BeginFunc" || s.Sel.Name == "BeginTxFunc" || s.Sel.Name == "Begin" && len(c.Args) == 1 {
				list = append(list, found(h.at(c), "%s begins a transaction", s.Sel.Name))
			}
		})
		for at, text := range h.literals(f) {
			if transactionText.MatchString(text) {
				list = append(list, found(at, "%q is a transaction's", strings.TrimSpace(text)))
			}
		}
	}
	return list
}

// literals returns the strings of a file with their places.
func (h *house) literals(f *file) map[string]string {
	all := map[string]string{}
	each(f, func(l *ast.BasicLit) {
		if l.Kind != token.STRING {
			return
		}
		if text, err := strconv.Unquote(l.Value); err == nil {
			at := h.at(l)
			all[at] += text + "\n" // two on one line are one place
		}
	})
	return all
}

func checkPoolWrites(h *house) (list []finding) {
	for _, f := range h.goFiles(code) {
		if under(f.dir, "governance/pg") || slices.Contains(begins, f.dir) {
			continue // the sequencer publishes what it has signed
		}
		each(f, func(c *ast.CallExpr) {
			s, ok := c.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Exec", "SendBatch", "CopyFrom"}, s.Sel.Name) {
				return
			}
			name := ""
			switch x := s.X.(type) {
			case *ast.Ident:
				name = x.Name
			case *ast.SelectorExpr:
				name = x.Sel.Name
			}
			if strings.EqualFold(name, "pool") {
				list = append(list, found(h.at(c), "%s on the pool", s.Sel.Name))
			}
		})
	}
	return list
}

var (
	notAWrite = regexp.MustCompile(`(?i)\bfor\s+(?:no\s+key\s+)?update\b|\bdo\s+update\s+set\b`)
	aWrite    = regexp.MustCompile(`(?i)\b(?:insert\s+into|delete\s+from(?:\s+only)?|merge\s+into|truncate(?:\s+table)?)\s+([a-z_][a-z0-9_.]*)|\bupdate\s+(?:only\s+)?([a-z_][a-z0-9_.]*)(?:\s+(?:as\s+)?[a-z]+)?\s+set\b`)
)

// written tables of a statement.
func writesOf(sql string) (tables []string) {
	for _, m := range aWrite.FindAllStringSubmatch(notAWrite.ReplaceAllString(sql, " "), -1) {
		tables = append(tables, strings.ToLower(m[1]+m[2]))
	}
	return tables
}

var creates = regexp.MustCompile(`(?im)^\s*create\s+table\s+(?:if\s+not\s+exists\s+)?([a-z_][a-z0-9_]*)`)

func checkWriters(h *house) (list []finding) {
	for _, f := range h.goFiles(code) {
		for at, text := range h.literals(f) {
			for _, table := range writesOf(text) {
				o, ok := owners[table]
				switch {
				case !ok:
					list = append(list, found(at, "writes %s, which has no owner in house_sql_test.go", table))
				case o.dir != f.dir:
					list = append(list, found(at, "writes %s, which is %s's: %s", table, o.dir, o.why))
				}
			}
		}
	}
	created := map[string]bool{}
	for _, f := range h.files {
		if f.dir != "migrations" || !strings.HasSuffix(f.path, ".sql") {
			continue
		}
		for _, m := range creates.FindAllStringSubmatch(f.text, -1) {
			created[m[1]] = true
			if _, ok := owners[m[1]]; !ok {
				list = append(list, found(f.path, "makes %s, which has no owner in house_sql_test.go", m[1]))
			}
		}
	}
	for _, table := range sorted(owners) {
		if len(created) > 0 && !created[table] {
			list = append(list, found("house_sql_test.go", "%s has an owner and is made by no migration", table))
		}
	}
	return list
}

// checkHousekeeping compares the two lists, and finds a call that names a
// table which is not on them.
func checkHousekeeping(h *house) (list []finding) {
	list = append(list, compareKept(sorted(pg.Housekeeping))...)
	for _, f := range h.goFiles(code) {
		each(f, func(c *ast.CallExpr) {
			s, ok := c.Fun.(*ast.SelectorExpr)
			if !ok || len(c.Args) != 4 || !f.selects(s, module+"/governance/pg", "Keep") {
				return
			}
			if l, ok := c.Args[2].(*ast.BasicLit); ok {
				if table, _ := strconv.Unquote(l.Value); !slices.Contains(kept, table) || owners[table].dir != f.dir {
					list = append(list, found(h.at(c), "keeps %s", table))
				}
			}
		})
	}
	return list
}

func compareKept(registered []string) []finding {
	if slices.Equal(registered, kept) {
		return nil
	}
	return []finding{found("governance/pg/keep.go", "registers %v, the house test lists %v", registered, kept)}
}

func checkTableComments(h *house) (list []finding) {
	for _, f := range h.files {
		if f.dir != "migrations" || !strings.HasSuffix(f.path, ".sql") {
			continue
		}
		for _, m := range creates.FindAllStringSubmatch(f.text, -1) {
			if !regexp.MustCompile(`(?i)comment\s+on\s+table\s+` + m[1] + `\s`).MatchString(f.text) {
				list = append(list, found(f.path, "table %s has no comment", m[1]))
			}
		}
	}
	return list
}

func checkForward(h *house) (list []finding) {
	down := regexp.MustCompile(`(?im)^\s*--\s*\+goose\s+down\b|^\s*drop\s+table\b|^\s*truncate\b`)
	for _, f := range h.files {
		if f.dir == "migrations" && strings.HasSuffix(f.path, ".sql") && down.MatchString(f.text) {
			list = append(list, found(f.path, "takes something back: %q", strings.TrimSpace(down.FindString(f.text))))
		}
	}
	return list
}

func checkStar(h *house) (list []finding) {
	star := regexp.MustCompile(`(?i)\b(?:select|returning)\s+(?:\w+\.)?\*`)
	for _, f := range h.goFiles(code) {
		for at, text := range h.literals(f) {
			if star.MatchString(text) {
				list = append(list, found(at, "%q", star.FindString(text)))
			}
		}
	}
	return list
}

func checkNow(h *house) (list []finding) {
	clock := regexp.MustCompile(`(?i)\b(?:now\(\)|current_timestamp|clock_timestamp\(\)|statement_timestamp\(\))`)
	statement := regexp.MustCompile(`(?i)\b(?:select|insert\s+into|update|delete\s+from)\b`)
	for _, f := range h.goFiles(code) {
		if f.dir == "governance/audit" || under(f.dir, "governance/pg") {
			continue // tx.Now itself asks the database
		}
		for at, text := range h.literals(f) {
			if clock.MatchString(text) && statement.MatchString(text) {
				list = append(list, found(at, "%q", clock.FindString(text)))
			}
		}
	}
	return list
}
