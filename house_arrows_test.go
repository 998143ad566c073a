package main_test

import (
	"slices"
	"strings"
)

var arrowRules = []rule{
	{"arrows", "a package imports only what its row in house_arrows_test.go says, so that every dependency was somebody's decision; a new one needs a reason in `added` and a line in ARCHITECTURE.md", checkArrows},
	{"walls", "these hold whatever the rows say; each one carries its own reason", checkWalls},
	{"test support", "a package whose name ends in test may do what production must not, so only tests import it", checkSupport},
	{"no database in the node", "members run the node program on their own machines: it must not be able to reach or need a database, and it stays small", checkNode},
	{"root packages", "governance.go or training.go must not become the drawer for everything: root packages hold the domain's words in files of at most 250 lines and know no storage", checkRoots},
	{"package names", "utils, common, helpers, shared and mock say where code was put and not what it is; name the thing", checkNames},
}

// These are the groups that rows speak of.
var (
	pureGovernance   = within("governance", "tally diff translog workspace opinion envelope keys wikitext")
	governanceStores = within("governance", "accounts members nodes pages policies voting proposals elections moderation talk notices agreements credit archive")
	pureTraining     = within("training", "tensor llama optim lora tokenizer safetensors fedavg serveropt localopt robust robust/attacks checks compress secagg dp selection gossip unlearn eval flagger")
	trainingStores   = within("training", "models corpus rounds unlearning gate")
	webPackages      = within("web", "href layout ui pages feed plot")
	roots            = []string{"governance", "training"}
	storage          = []string{"governance", "governance/pg", "governance/audit"}
	trainingStorage  = append([]string{"training", "governance/policies"}, storage...)
)

// arrows says what a package may import of this module; a row that ends in
// "/..." speaks for the packages below that have no row of their own. "all"
// is for the two that wire everything.
var arrows = map[string][]string{
	"governance":             {},
	"training":               {"governance"},
	"static":                 {},
	"migrations":             {},
	"web/href":               {},
	"governance/tally":       {},
	"governance/diff":        {},
	"governance/translog":    {},
	"governance/workspace":   {},
	"governance/opinion":     {},
	"governance/pg":          {"governance"},
	"governance/pg/embedded": {"governance"},
	"governance/audit":       {"governance", "governance/pg", "governance/translog"},
	"governance/accounts":    storage,
	"governance/keys/marks":  storage,
	"governance/members":     storage,
	"governance/pages":       with(storage, "governance/members", "governance/diff"),
	"governance/policies":    with(storage, "governance/members", "governance/pages"),
	"governance/voting":      with(storage, "governance/members", "governance/policies", "governance/tally"),
	"governance/proposals":   with(storage, "governance/members", "governance/policies", "governance/pages", "governance/voting"),
	"governance/elections":   with(storage, "governance/members", "governance/policies", "governance/pages", "governance/voting"),
	"governance/talk":        with(storage, "governance/members", "governance/policies", "governance/pages"),
	"governance/notices":     with(storage, "governance/members", "governance/policies"),
	"governance/nodes":       with(storage, "governance/members", "governance/policies"),
	"governance/agreements":  with(storage, "governance/members", "governance/policies"),
	"governance/credit":      with(storage, "governance/members", "governance/policies"),
	"governance/moderation":  with(storage, "governance/members", "governance/policies", "governance/workspace"),
	"governance/archive":     slices.Concat(storage, pureGovernance, governanceStores),
	"training/tensor":        {"training"},
	"training/protocol":      {"training"},
	"training/blobs":         {"training"},
	"training/blobs/s3":      {"training", "training/blobs"},
	"training/safetensors":   {"training"},
	"training/llama":         {"training", "training/tensor"},
	"training/optim":         {"training", "training/tensor"},
	"training/lora":          {"training", "training/tensor", "training/llama", "training/optim"},
	"training/tokenizer":     {"training", "training/tensor"},
	"training/fedavg":        {"training", "training/tensor"},
	"training/robust":        {"training", "training/tensor"},
	"training/compress":      {"training", "training/tensor"},
	"training/secagg":        {"training", "training/tensor"},
	"training/dp":            {"training", "training/tensor"},
	"training/gossip":        {"training", "training/tensor"},
	"training/unlearn":       {"training", "training/tensor", "training/llama", "training/optim"},
	"training/eval":          {"training", "training/tensor", "training/llama", "training/optim"},
	"training/flagger":       {"training", "training/tensor", "training/llama", "training/optim"},
	"training/localdata":     slices.Concat([]string{"training", "training/protocol"}, pureTraining),
	"training/models":        with(trainingStorage, "governance/agreements"),
	"training/corpus":        with(trainingStorage, "governance/nodes", "governance/members"),
	"training/rounds":        with(trainingStorage, "governance/nodes", "training/models", "training/corpus", "training/protocol"),
	"training/unlearning":    with(trainingStorage, "training/rounds", "training/corpus", "training/models"),
	"training/gate":          with(trainingStorage, "training/rounds", "training/corpus", "training/models"),
	"web/ui":                 {"web/href", "web/plot"},
	"web/plot":               {"web/href"},
	"web/feed":               {"web/href"},
	"web/layout":             {"web/href", "web/plot", "web/ui"},
	"web/pages":              {"web/href", "web/plot", "web/ui", "web/layout"},
	"web/gallery":            append([]string{"static"}, webPackages...),
	"handlers":               slices.Concat(roots, governanceStores, trainingStores, webPackages, []string{"static", "governance/audit", "governance/diff", "training/blobs", "handlers/session", "handlers/localidp", "handlers/nodeapi", "handlers/complete"}),
	"handlers/session":       {"governance", "governance/members", "governance/accounts"},
	"handlers/localidp":      {"governance", "governance/members", "governance/accounts"},
	"handlers/nodeapi":       {"governance", "training", "governance/nodes", "training/rounds", "training/protocol", "training/safetensors", "training/blobs"},
	"handlers/complete":      {"governance", "training", "training/models", "training/blobs", "training/llama", "training/tokenizer"},
	"workers":                slices.Concat(roots, governanceStores, pureGovernance, trainingStores, pureTraining, []string{"governance/audit", "training/blobs", "web/href"}),
	"workers/agent":          slices.Concat([]string{"training", "training/localdata", "training/protocol", "training/blobs", "governance/translog", "workers/torch"}, pureTraining),
	"workers/node":           slices.Concat([]string{"training", "training/localdata", "training/protocol", "training/blobs", "governance/translog", "workers/agent"}, pureTraining),
	"workers/torch":          {"training"},
	"workers/demo":           {},
	"handlers/cli":           {"all"},
	".":                      {"all"},
}

// arrow is one dependency that the first plan did not have.
type arrow struct{ from, to, why string }

// added lists what was added to the plan, with the reason. ARCHITECTURE.md
// names every package on the left (checkAdditions).
var added = []arrow{
	{"governance/envelope", "governance", "pure: sealed ballots in their own package, with the errors that people read"},
	{"governance/wikitext", "governance", "pure: Markdown to safe HTML, with the errors that people read"},
	{"governance/keys", "", "the platform's secrets in files; imports nothing, so no store can reach a key by accident"},
	{"governance/members", "governance/translog", "Replay rebuilds rights from entries"},
	{"governance/policies", "governance/translog", "Replay rebuilds what was in force from entries"},
	{"governance/policies", "governance/tally", "a decision rule is a policy, and its words are tally's"},
	{"governance/voting", "governance/translog", "Replay rebuilds polls from entries"},
	{"governance/voting", "governance/envelope", "secret ballots are opened at the close"},
	{"governance/proposals", "governance/translog", "Replay rebuilds a proposal's course from entries"},
	{"governance/elections", "governance/translog", "Replay rebuilds terms of office from entries"},
	{"governance/elections", "governance/tally", "how an office is counted is written into its election"},
	{"governance/elections", "governance/envelope", "ballots of an election are sealed to its own recipients"},
	{"training/protocol", "governance/translog", "a node checks the entry, the proof and the checkpoint of its mandate"},
	{"training/blobs", "governance", "a missing or oversized artefact is an answer that people read"},
	{"training/blobs/s3", "governance", "the same answers as of a folder, told by their kind"},
	{"training/selection", "governance", "pure: chooses nodes, which it names by their ids and their owners'"},
	{"training/selection", "training/tensor", "logarithms that are the same on every processor"},
	{"training/corpus", "training/protocol", "keeps the manifest that a node reports, in the form in which it is signed"},
	{"training/models", "governance/translog", "Replay rebuilds which version is served"},
	{"training/rounds", "governance/translog", "mandates quote entries; Replay rebuilds rounds from them"},
	{"training/robust", "training/fedavg", "its weighted sums and its refusal of what is not finite"},
	{"training/checks", "training", "the checks of every update; names updates by digest"},
	{"training/checks", "training/fedavg", "the norm of an update is computed in one way"},
	{"training/checks", "training/robust", "reads a cohort as the robust rules do; distances, the median and Krum's score are theirs"},
	{"training/robust/attacks", "training/tensor", "hostile updates for tests and studies of every rule; tensor owns the logarithm and the cosine of noise"},
	{"training/llama", "training/safetensors", "reads and writes folders of Hugging Face"},
	{"training/lora", "training/safetensors", "reads and writes folders of PEFT"},
	{"training/serveropt", "training/fedavg", "the server's step after the mean; its weighted sums and its refusal of what is not finite"},
	{"training/localopt", "", "what FedProx and SCAFFOLD change in a node's training; works on plain vectors"},
	{"training/unlearning", "governance/translog", "Replay rebuilds cases from entries"},
	{"training/unlearning", "training/protocol", "tells nodes the case of a suppression"},
	{"training/founding", "training", "the version that a community begins with, embedded"},
	{"training/founding", "training/founding/gosource", "its text"},
	{"training/founding", "training/llama", "its model"},
	{"training/founding", "training/localdata", "its text is cut as a node cuts its own"},
	{"training/founding", "training/optim", "trained by this engine"},
	{"training/founding", "training/safetensors", "its weights"},
	{"training/founding", "training/tokenizer", "trained by this engine"},
	{"training/founding/gosource", "", "the Go standard library as text; also for the demonstration"},
	{"training/founding/make", "training", "the program that trains the founding version again"},
	{"training/founding/make", "training/founding", "the program that trains the founding version again"},
	{"training/founding/make", "training/founding/gosource", "the program that trains the founding version again"},
	{"training/founding/make", "training/llama", "the program that trains the founding version again"},
	{"training/study", "training", "the program that repeats published findings with the rules of campaigns"},
	{"training/study", "training/fedavg", "the program that repeats published findings with the rules of campaigns"},
	{"training/study", "training/llama", "the program that repeats published findings with the rules of campaigns"},
	{"training/study", "training/optim", "the program that repeats published findings with the rules of campaigns"},
	{"training/study", "training/robust", "the program that repeats published findings with the rules of campaigns"},
	{"training/study", "training/robust/attacks", "the program that repeats published findings with the rules of campaigns"},
	{"workers/demo", "training/founding/gosource", "writes the texts that its nodes hold; gosource imports nothing of ours"},
	{"web/layout", "static", "links style sheets by their hashed names"},
	{"web/pages", "static", "a printed certificate carries the logo by its hashed name"},
	{"handlers", "governance/translog", "parses the paths of tiles that it serves"},
	{"handlers", "governance/wikitext", "renders previews; a page's saved text is rendered once"},
	{"handlers", "governance/tally", "previews a decision rule and shows a count in the words of tally"},
	{"handlers/complete", "training/safetensors", "reads the weights of the version that is served"},
	{"handlers/nodeapi", "training/corpus", "a node reports its manifest"},
	{"handlers/nodeapi", "training/models", "a node asks for a checkpoint that it may read"},
	{"workers/agent", "governance", "tells a full disk from a fault by the kind of the error"},
	{"training/recipes", "training", "names the arithmetic in presets"},
	{"training/recipes", "training/protocol", "describes and checks recipes in the form in which they are decided"},
	{"training/recipes", "training/dp", "tells what a ceiling of privacy allows"},
	{"training/recipes", "training/serveropt", "describes the numbers that a rule has when a recipe names none"},
	{"training/recipes", "training/compress", "tells what a codec costs in bytes"},
	{"handlers", "training/recipes", "shows presets, conflicts, descriptions and the glossary, which are words for people"},
	{"handlers", "training/protocol", "reads the form of a recipe into the form in which it is decided"},
	{"workers", "training/recipes", "tells what a round spent of a member's privacy"},
	{"workers/torch", "training/safetensors", "hands models to the external trainer and reads what it leaves"},
	{"workers", "workers/torch", "measures the replay of an update that an external trainer computed"},
	{"workers", "training/localdata", "reads what a node's owner shares of a round"},
	{"workers", "training/protocol", "signs assignments and reads reports"},
}

func within(parent, names string) []string {
	list := strings.Fields(names)
	for i, name := range list {
		list[i] = parent + "/" + name
	}
	return list
}

func with(base []string, more ...string) []string { return slices.Concat(base, more) }

// row returns what a package may import, and whether it has a row at all.
func row(dir string) ([]string, bool) {
	may, ok := arrows[dir]
	may = slices.Clone(may)
	for _, a := range added {
		if a.from == dir {
			ok = true
			may = append(may, a.to)
		}
	}
	return may, ok
}

func checkArrows(h *house) (list []finding) {
	for _, dir := range h.folderNames() {
		if !slices.ContainsFunc(h.packages[dir], code) {
			continue
		}
		may, ok := row(dir)
		if !ok {
			list = append(list, found(dir, "has no row in the table of arrows"))
		}
		for _, f := range h.packages[dir] {
			if !code(f) {
				continue
			}
			for _, imported := range f.imports() {
				to, mine := ours(imported)
				if mine && !slices.Contains(may, "all") && !slices.Contains(may, to) {
					list = append(list, found(f.path, "%s may not import %s", dir, to))
				}
			}
		}
	}
	return list
}

// walls are the arrows that must never exist, by the folders on both sides;
// a row that was widened by mistake does not open them.
var walls = []struct {
	from, to string
	but      []string // packages on the left that are exempt
	why      string
}{
	{"governance", "training", nil, "a passed motion becomes a job; governance must work for a community that trains nothing"},
	{"governance", "handlers", nil, "behaviour does not know how it is shown"},
	{"governance", "workers", nil, "behaviour does not know who calls it"},
	{"governance", "web", nil, "behaviour does not know how it is shown"},
	{"training", "handlers", nil, "behaviour does not know how it is shown"},
	{"training", "workers", nil, "behaviour does not know who calls it"},
	{"training", "web", nil, "behaviour does not know how it is shown"},
	{"web", "governance", nil, "pages take view models of strings, ints and bools, so that a page can be read and tested alone"},
	{"web", "training", nil, "pages take view models of strings, ints and bools, so that a page can be read and tested alone"},
	{"web", "handlers", nil, "a page does not know its handler"},
	{"web", "workers", nil, "a page starts no work"},
	{"handlers", "governance/pg", []string{"handlers/cli"}, "a handler does one act or reads; SQL is one hop further"},
	{"handlers", "training/tensor", []string{"handlers/complete", "handlers/cli"}, "a handler calculates nothing"},
	{"handlers", "workers", []string{"handlers/cli"}, "a handler enqueues through an act and never calls a worker"},
	{"workers", "handlers", nil, "work goes on when nobody looks at a page"},
	{"static", "governance", nil, "files know nothing"},
	{"migrations", "governance", nil, "old migrations must not change when the code does"},
}

func checkWalls(h *house) (list []finding) {
	for _, f := range h.goFiles(code) {
		for _, imported := range f.imports() {
			to, mine := ours(imported)
			for _, w := range walls {
				exempt := slices.ContainsFunc(w.but, func(p string) bool { return under(f.dir, p) })
				if mine && under(f.dir, w.from) && under(to, w.to) && !exempt {
					list = append(list, found(f.path, "%s must never import %s: %s", w.from, to, w.why))
				}
			}
		}
	}
	return list
}

func checkSupport(h *house) (list []finding) {
	for _, f := range h.goFiles(code) {
		for _, imported := range f.imports() {
			if to, mine := ours(imported); mine && supports(to) {
				list = append(list, found(f.path, "imports %s", to))
			}
			if imported == "testing" {
				list = append(list, found(f.path, "imports testing"))
			}
		}
	}
	return list
}

// checkNode follows every import of the node program within this module.
func checkNode(h *house) (list []finding) {
	seen := map[string]bool{}
	queue := []string{"workers/node", "workers/agent"}
	for len(queue) > 0 {
		dir := queue[0]
		queue = queue[1:]
		if seen[dir] {
			continue
		}
		seen[dir] = true
		for _, f := range h.packages[dir] {
			if !code(f) {
				continue
			}
			for _, imported := range f.imports() {
				if to, mine := ours(imported); mine {
					queue = append(queue, to)
				}
				if under(imported, pgx) || under(imported, river) || imported == "database/sql" {
					list = append(list, found(f.path, "the node program reaches %s through %s", imported, dir))
				}
			}
		}
	}
	return list
}

func checkRoots(h *house) (list []finding) {
	for _, dir := range roots {
		for _, f := range h.packages[dir] {
			if f.test {
				continue
			}
			if n := strings.Count(f.text, "\n"); n > 250 {
				list = append(list, found(f.path, "has %d lines", n))
			}
			for _, imported := range f.imports() {
				if under(imported, pgx) || under(imported, river) || imported == "database/sql" {
					list = append(list, found(f.path, "imports %s", imported))
				}
			}
		}
	}
	return list
}

func checkNames(h *house) (list []finding) {
	bad := strings.Fields("util utils common helper helpers shared mock mocks misc base lib types")
	for dir := range h.folders {
		parts := strings.Split(dir, "/")
		if slices.Contains(bad, parts[len(parts)-1]) {
			list = append(list, found(dir, "is no name for a package"))
		}
	}
	for _, f := range h.goFiles(func(f *file) bool { return true }) {
		if name := strings.TrimSuffix(f.go_.Name.Name, "_test"); slices.Contains(bad, name) {
			list = append(list, found(f.path, "package %s is no name for a package", name))
		}
	}
	return list
}
