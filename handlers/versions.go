package handlers

import (
	"io"
	"log/slog"
	"net/http"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/wikitext"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
)

func (s *Site) versions(_ http.ResponseWriter, r *http.Request) (answer, error) {
	list, err := s.Models.Versions(r.Context())
	if err != nil {
		return answer{}, err
	}
	chrome, err := s.chrome(r, layout.Chrome{Title: "Versions of the model", Section: href.Versions()})
	if err != nil {
		return answer{}, err
	}
	tree, err := s.readLineage(r.Context(), list)
	if err != nil {
		return answer{}, err
	}
	return show(pages.Versions(pages.VersionsPage{Chrome: chrome, Versions: versionLines(list), Lineage: tree.figure()})), nil
}

// version is the card of one version.
func (s *Site) version(_ http.ResponseWriter, r *http.Request) (answer, error) {
	found, err := s.versionOf(r)
	if err != nil {
		return answer{}, err
	}
	v := versionView{Version: found, decided: -1}
	if v.html, err = wikitext.Render(cardText(v.Card)); err != nil {
		return answer{}, err
	}
	if v.all, err = s.Models.Versions(r.Context()); err != nil {
		return answer{}, err
	}
	if v.tree, err = s.readLineage(r.Context(), v.all); err != nil {
		return answer{}, err
	}
	v.tree.here = v.ID
	if v.cases, err = s.Unlearning.Cases(r.Context(), 0); err != nil {
		return answer{}, err
	}
	if v.Decision != 0 {
		if v.decided, err = s.Log.EntryIndex(r.Context(), v.Decision); err != nil {
			return answer{}, err
		}
	}
	id := int64(v.ID)
	c := layout.Chrome{Title: v.Name, Section: href.Version(id)}
	if v.State == models.Published {
		c.Tools = []layout.ToolGroup{{Title: "Download", Links: []layout.Link{
			{Text: "Weights (safetensors)", Href: href.VersionWeights(id)}, {Text: "Tokenizer", Href: href.VersionTokenizer(id)},
			{Text: "Everything as a folder (zip)", Href: href.VersionFolder(id)},
		}}}
	}
	if v.chrome, err = s.chrome(r, c); err != nil {
		return answer{}, err
	}
	return show(pages.Version(v.page())), nil
}

// versionOf reads the version of the address.
func (s *Site) versionOf(r *http.Request) (models.Version, error) {
	id, err := pathID[training.VersionID](r, "id")
	if err != nil {
		return models.Version{}, err
	}
	return s.Models.Version(r.Context(), id)
}

// download reads the version of the address for one of its files. A withdrawn
// one is given to nobody.
func (s *Site) download(r *http.Request) (models.Version, error) {
	v, err := s.versionOf(r)
	if err == nil && v.State != models.Published {
		err = governance.Errorf(governance.NotFound, "%s was withdrawn (%s), so its files are not given out any more.", v.Name, v.Reason)
	}
	return v, err
}

func (s *Site) versionWeights(w http.ResponseWriter, r *http.Request) {
	v, err := s.download(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.file(w, r, v, v.Weights, "model.safetensors", "application/octet-stream")
}

func (s *Site) versionTokenizer(w http.ResponseWriter, r *http.Request) {
	v, err := s.download(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.file(w, r, v, v.Tokenizer, "tokenizer.json", "application/json")
}

// file serves an artefact, in parts where they are asked for. Its digest is
// its ETag: a cache asks each time whether the version is still given out.
func (s *Site) file(w http.ResponseWriter, r *http.Request, v models.Version, digest training.Digest, name, kind string) {
	blob, err := s.Blobs.Open(r.Context(), digest)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer blob.Close()
	w.Header().Set("ETag", `"`+digest.Hex()+`"`)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	http.ServeContent(w, r, name, v.PublishedAt, blobs.Reader(blob))
}

// versionFolder streams the folder that Hugging Face's transformers load.
func (s *Site) versionFolder(w http.ResponseWriter, r *http.Request) {
	v, err := s.download(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="version-`+v.ID.String()+`.zip"`)
	err = models.Export(w, v, func(d training.Digest) (io.ReadCloser, error) {
		blob, err := s.Blobs.Open(r.Context(), d)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{blobs.Reader(blob), blob}, nil
	})
	if err != nil {
		s.log.WarnContext(r.Context(), "folder of a version broke off", slog.Int64("version", int64(v.ID)), slog.Any("err", err))
	}
}
