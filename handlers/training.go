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
}
