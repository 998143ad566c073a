package handlers

import (
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"
)

// trainingRoutes are the pages of nodes and of the model.
func (s *Site) trainingRoutes(r chi.Router) {
	r.Get("/nodes", s.page(s.nodes))
	r.Get("/nodes/all", s.page(s.allNodes))
	r.Get("/nodes/new", s.page(s.nodeForm))
	r.Post("/nodes/new", s.page(s.nodeCreate))
	r.Get("/nodes/{id}", s.page(s.node))
	r.Post("/nodes/{id}/name", s.page(s.nodeRename))
	r.Post("/nodes/{id}/token", s.page(s.nodeToken))
	r.Post("/nodes/{id}/retire", s.page(s.nodeRetire))
	r.Get("/campaigns", s.page(s.campaigns))
	r.Get("/campaigns/{id}", s.page(s.campaign))
	r.Get("/campaigns/{id}/loss.csv", s.campaignLoss)
	r.Get("/rounds/{id}", s.page(s.round))
	r.Get("/rounds/{id}/manifest.json", s.roundManifest)
	r.Get("/glossary", s.page(s.glossary))
	r.Get("/versions", s.page(s.versions))
	r.Get("/versions/{id}", s.page(s.version))
	r.Get("/playground", s.page(s.playground))
	r.With(httprate.LimitBy(completionsPerMinute, time.Minute, clientKey)).Post("/playground/complete", s.page(s.complete))
	r.Get("/certificates", s.page(s.certificates))
	r.Get("/certificates/{id}", s.page(s.certificate))
	r.Get("/certificates/{id}/certificate.json", s.certificateFile)
	r.Get("/unlearning/{id}", s.page(s.certificate))
}

// longRoutes are those whose answers may take longer than a page: a stream of
// events, files of any size.
func (s *Site) longRoutes(r chi.Router) {
	r.Get("/campaigns/{id}/events", s.campaignEvents)
	r.Get("/rounds/{id}/archive.zip", s.roundArchive)
	r.Get("/versions/{id}/model.safetensors", s.versionWeights)
	r.Get("/versions/{id}/tokenizer.json", s.versionTokenizer)
	r.Get("/versions/{id}/folder.zip", s.versionFolder)
}

// completionsPerMinute is how many texts one address may have continued.
const completionsPerMinute = 60

// clientKey counts requests by the address of the connection. Behind a proxy
// all share one; the proxy then bounds its own clients.
func clientKey(r *http.Request) (string, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return httprate.CanonicalizeIP(host), err
}
