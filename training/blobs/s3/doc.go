// Package s3 keeps artefacts in a bucket of any server that speaks Amazon's S3,
// for communities whose platform runs on several servers: the same interface
// as the folder of package blobs, and one small object that is exchanged only
// if nobody else has exchanged it (Register), for the log's last checkpoint.
//
// Requests are made and signed by minio-go; here is what an artefact needs
// beyond them.
//
// An object appears under its name when all of it has been sent and not
// before; its last bytes are held back until the SHA-256 of everything is that
// name. What is longer than a part goes as a multipart upload, which is found
// again and continued after a cut.
package s3
