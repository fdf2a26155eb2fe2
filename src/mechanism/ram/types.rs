//! Reads the resource types that RAM shares.

use aws_sdk_ram::types::{ResourceRegionScope, ServiceNameAndResourceType};

use crate::{
    aws::{
        errors::AwsError,
        paging::{Page, collect},
        session::CellClients,
    },
    plan::catalogue::Listed,
};

/// The most entries a page (ram.md §1).
const PAGE: i32 = 500;

/// All types, regional and global, as RAM lists them to one cell: one call, as long as they fit one page. \[X\] That the
/// list is the same in each region is not documented.
pub async fn listed(clients: &CellClients) -> Result<Vec<Listed>, AwsError> {
    let rows = collect("ListResourceTypes", |token| async move {
        let request = clients.ram.list_resource_types().max_results(PAGE).set_next_token(token);
        let answer = clients.calls.read("ListResourceTypes", request.send()).await?;
        Ok(Page { items: answer.resource_types.unwrap_or_default(), next: answer.next_token })
    })
    .await?;
    Ok(rows.into_iter().filter_map(of_row).collect())
}

fn of_row(row: ServiceNameAndResourceType) -> Option<Listed> {
    let global = match row.resource_region_scope {
        Some(ResourceRegionScope::Global) => Some(true),
        Some(ResourceRegionScope::Regional) => Some(false),
        _ => None,
    };
    Some(Listed { name: row.resource_type?, global })
}
