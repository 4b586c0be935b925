//! GetObject: the body as a stream, each piece checked before it is sent.
use http::Response;

use super::names;
use super::read::{self, Selected};
use crate::{ApiError, App, Body, S3Request, pieces};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    read::check(&request)?;
    let (bucket, key) = (names::bucket(&request)?, names::key(&request)?);
    let (record, reader) = app.objects.get(&bucket, &key).await?;
    match read::select(&request, &record)? {
        Selected::NotModified(response) => Ok(response),
        Selected::Bytes { range, mut head } => {
            let reader = reader.range(range.start, range.end);
            // An error cuts the connection: the client sees that bytes are missing.
            *head.body_mut() = pieces(reader, move |mut reader| async move {
                match reader.next().await {
                    Ok(piece) => Ok(piece.map(|piece| (piece, reader))),
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
