//! GetObject: the body as a stream, each piece checked before it is sent, the first one before anything is answered.
use http::Response;

use super::read::{self, Selected};
use super::{names, show};
use crate::{ApiError, App, Body, S3Request, pieces};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    let customer = read::check(&request)?;
    let (bucket, key) = (names::bucket(&request)?, names::key(&request)?);
    let (got, reader) = app.objects.get(&bucket, &key, names::version(&request)?, customer.clone()).await?;
    match read::select(&request, &got, customer.as_ref())? {
        Selected::NotModified(response) => Ok(response),
        Selected::Bytes { range, mut head } => {
            show::expiration(head.headers_mut(), app, (&bucket, &key), names::version(&request)?);
            let mut reader = reader.range(range.start, range.end);
            let first = reader.next().await?;
            // Behind the first piece, an error cuts the connection: the client sees that bytes are missing.
            *head.body_mut() = pieces((first, reader), move |(first, mut reader)| async move {
                if let Some(first) = first {
                    return Ok(Some((first, (None, reader))));
                }
                match reader.next().await {
                    Ok(piece) => Ok(piece.map(|piece| (piece, (None, reader)))),
                    Err(error) => {
                        let cause = &error as &dyn std::error::Error;
                        tracing::error!(error = cause, "an object could not be read to its end");
                        Err(error.into())
                    }
                }
            });
            Ok(head)
        }
    }
}
