// Package static holds what a browser fetches besides pages: one style sheet,
// the logo, the icons, small optional scripts and Wikimedia's Codex.
//
// Every file is served under a name that carries the first bytes of its
// SHA-256, so it may be cached for ever and a new version is a new name. The
// sheet is put together at start from one file per component (css/), because
// one request is quicker than forty and a small file is easier to find. Codex
// (GPL-2.0-or-later) stays unmodified, in files of its own with its licence
// beside it; the sheet imports it into the cascade layer "vendor", which every
// later layer overrides without !important.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// Prefix is the path under which Handler serves; every name begins with it.
const Prefix = "/static/"

// Sheet is the name of the bundled style sheet, for URL.
const Sheet = "althing.css"

//go:embed css/*.css js/*.js vendor/codex logo.svg
var files embed.FS

// sheets lists the component files in the order of the bundle. Within one
// cascade layer a later file wins against an earlier one of equal weight.
var sheets = strings.Fields(`
	tokens base
	page skip brand head side page-head foot text
	codex hatnote infobox count-sheet table facts digest bytes portal completion
	tracker panel tally objection changes filters history diff candidates plot
	token case chain empty article talk flash pager
	print`)

// vendor lists Codex's files with the media condition under which each counts.
var vendor = []struct{ name, media string }{
	{"vendor/codex/theme-wikimedia-ui-root.css", ""},
	{"vendor/codex/theme-wikimedia-ui-mode-dark.css", " screen and (prefers-color-scheme: dark)"},
	{"vendor/codex/codex.style.css", ""},
}

// asset is one file as it is served.
type asset struct {
	body, zipped []byte // zipped is nil where it would save nothing
	kind         string // media type
	etag         string
}

var (
	urls   = map[string]string{} // logo.svg → /static/logo.1f2e3d4c.svg
	assets = map[string]asset{}  // the other way round, by path
)

func init() {
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "css/") {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		add(name, body)
		return nil
	})
	if err != nil {
		panic(err)
	}
	add(Sheet, bundle())
}

// bundle joins the component files behind the order of layers and the imports
// of Codex. It runs after the vendor files have their hashed names.
func bundle() []byte {
	var b bytes.Buffer
	b.WriteString("@layer vendor, tokens, base, layout, components, print;\n")
	for _, v := range vendor {
		fmt.Fprintf(&b, "@import url(%q) layer(vendor)%s;\n", urls[v.name], v.media)
	}
	for _, name := range sheets {
		body, err := files.ReadFile("css/" + name + ".css")
		if err != nil {
			panic(err)
		}
		b.Write(body)
	}
	return b.Bytes()
}

func add(name string, body []byte) {
	sum := sha256.Sum256(body)
	tag := hex.EncodeToString(sum[:6])
	ext := path.Ext(name)
	url := Prefix + strings.TrimSuffix(name, ext) + "." + tag + ext
	kind := mime.TypeByExtension(ext)
	if kind == "" {
		kind = "text/plain; charset=utf-8"
	}
	urls[name] = url
	assets[url] = asset{body: body, zipped: zip(body), kind: kind, etag: `"` + tag + `"`}
}

func zip(body []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err)
	}
	// A bytes.Buffer takes every byte, so neither call can fail.
	_, _ = w.Write(body)
	_ = w.Close()
	if b.Len() > len(body)*9/10 {
		return nil
	}
	return b.Bytes()
}

// URL returns the path at which the named file is served, as in
// URL("logo.svg"). An unknown name is a slip of ours and panics.
func URL(name string) string {
	url, ok := urls[name]
	if !ok {
		panic("static: no file " + name)
	}
	return url
}

// Preload is the value of a Link header that asks for Codex's files at once:
// a browser would find the imports only after it has read the sheet.
func Preload() string {
	links := make([]string, 0, len(vendor))
	for _, v := range vendor {
		links = append(links, "<"+urls[v.name]+">; rel=preload; as=style")
	}
	return strings.Join(links, ", ")
}

// Handler serves the files under Prefix, compressed where the browser takes
// it, with leave to keep them for a year.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Content-Type", a.kind)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("ETag", a.etag)
		h.Add("Vary", "Accept-Encoding")
		body := a.body
		if a.zipped != nil && r.Header.Get("Range") == "" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			h.Set("ETag", strings.TrimSuffix(a.etag, `"`)+`-gz"`)
			body = a.zipped
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}
