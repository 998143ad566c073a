package href

// Versions lists the versions of the model.
func Versions() string { return "/versions" }

// Version is the card of one version.
func Version(id int64) string { return at("/versions", id, "") }

// VersionWeights is the file of weights, and VersionTokenizer what belongs to it.
func VersionWeights(id int64) string { return at("/versions", id, "/model.safetensors") }

// VersionTokenizer is the version's tokenizer.json.
func VersionTokenizer(id int64) string { return at("/versions", id, "/tokenizer.json") }

// VersionFolder is the whole folder that Hugging Face's transformers load, as
// a zip file.
func VersionFolder(id int64) string { return at("/versions", id, "/folder.zip") }

// Playground is where a member tries the served version.
func Playground() string { return "/playground" }

// Complete takes a prompt from the playground's form; POST.
func Complete() string { return "/playground/complete" }

// Flag reports an answer of the model; POST.
func Flag() string { return "/flags" }

// Campaigns lists the campaigns.
func Campaigns() string { return "/campaigns" }

// Campaign is one campaign.
func Campaign(id int64) string { return at("/campaigns", id, "") }

// CampaignEvents is the stream of server-sent events of a campaign.
func CampaignEvents(id int64) string { return at("/campaigns", id, "/events") }

// CampaignLoss is the loss by round as CSV.
func CampaignLoss(id int64) string { return at("/campaigns", id, "/loss.csv") }

// Round is one round.
func Round(id int64) string { return at("/rounds", id, "") }

// RoundManifest is the round as JSON: cohort, digests, recipe.
func RoundManifest(id int64) string { return at("/rounds", id, "/manifest.json") }

// RoundArchive is all that a round's result follows from, as a zip file for
// those who may read its updates.
func RoundArchive(id int64) string { return at("/rounds", id, "/archive.zip") }

// Cases is the review queue; view is "", "workspace", "appeals" or "closed".
func Cases(view string) string { return query("/cases", "view", view) }

// Case is one flagged answer.
func Case(id int64) string { return at("/cases", id, "") }

// CaseTalk is the discussion of a case.
func CaseTalk(id int64) string { return at("/cases", id, "/talk") }

// CaseClaim takes, renews or releases a case; POST.
func CaseClaim(id int64) string { return at("/cases", id, "/claim") }

// CaseDecide records a decision; POST.
func CaseDecide(id int64) string { return at("/cases", id, "/decision") }

// CaseAppeal is the form for an appeal; the same path takes POST.
func CaseAppeal(id int64) string { return at("/cases", id, "/appeal") }

// Certificates lists the certificates of unlearning.
func Certificates() string { return "/certificates" }

// Certificate is one certificate.
func Certificate(id int64) string { return at("/certificates", id, "") }

// CertificateFile is the certificate as signed JSON.
func CertificateFile(id int64) string { return at("/certificates", id, "/certificate.json") }

// Unlearning is one unlearning case, from the request to the certificate.
func Unlearning(id int64) string { return at("/unlearning", id, "") }

// Glossary explains the words of training; key leads to one of them, "" to all.
func Glossary(key string) string {
	if key == "" {
		return "/glossary"
	}
	return "/glossary#" + key
}
