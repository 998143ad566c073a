package localdata

import (
	"path"
	"strings"

	"codeberg.org/althing/althing/training/protocol"
)

// languages guesses from the extension; it is for counting, not for decisions.
var languages = map[string]string{
	".c": "c", ".h": "c", ".cc": "c++", ".cpp": "c++", ".hpp": "c++", ".cs": "c#", ".css": "css", ".csv": "csv",
	".ex": "elixir", ".go": "go", ".hs": "haskell", ".html": "html", ".java": "java", ".js": "javascript", ".json": "json",
	".jl": "julia", ".kt": "kotlin", ".lua": "lua", ".md": "markdown", ".ml": "ocaml", ".php": "php", ".pl": "perl", ".py": "python",
	".r": "r", ".rb": "ruby", ".rs": "rust", ".rst": "restructuredtext", ".scala": "scala", ".sh": "shell", ".sql": "sql",
	".swift": "swift", ".tex": "tex", ".toml": "toml", ".ts": "typescript", ".txt": "text", ".xml": "xml", ".yaml": "yaml",
	".yml": "yaml", ".zig": "zig",
}

// languageOf returns the language of a file by its extension, "other" for one
// that is not listed, so that no part of a name leaves the machine.
func languageOf(name string) string {
	if l, ok := languages[strings.ToLower(path.Ext(name))]; ok {
		return l
	}
	return "other"
}

// domainOf guesses what a file is about from its extension: marked-up text is
// documentation, plain text prose, everything else that is listed is code.
func domainOf(name string) string {
	switch l := languageOf(name); l {
	case "markdown", "restructuredtext", "tex", "html":
		return protocol.Docs
	case "text", "other":
		return protocol.Prose
	}
	return protocol.Code
}
