package handlers

import (
	"github.com/go-chi/chi/v5"
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
}

// longRoutes are those whose answers may take longer than a page: a stream of
// events, files of any size.
func (s *Site) longRoutes(r chi.Router) {
	r.Get("/campaigns/{id}/events", s.campaignEvents)
}
