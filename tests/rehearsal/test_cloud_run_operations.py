"""Long-running operations: pending, done, with an error inside, and found again by name."""

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.longrunning import operations_pb2
from rehearsed import NAME, PARENT, share

pytestmark = pytest.mark.anyio


async def begun(laptop, lag_s: float):
    """Return the operation of a shift that takes a while."""
    await laptop.create()
    laptop.pace.traffic_lag_s = lag_s
    return (await laptop.write("traffic", traffic=[share("shop-good", 100)])).operation


async def test_an_operation_is_pending_with_the_service_in_it_until_its_write_is_true(laptop):
    operation = await begun(laptop, lag_s=0.2)
    assert not operation.done
    assert operation.name.startswith(f"{PARENT}/operations/")
    service = run_v2.Service.pb()()
    assert operation.metadata.Unpack(service)
    assert (service.name, service.reconciling) == (NAME, True)
    done = await laptop.rehearsal.cloud.operations.wait(operation.name, 5)
    assert done.response.Unpack(service)
    assert (service.generation, service.observed_generation, service.reconciling) == (2, 2, False)


async def test_an_operation_is_found_again_by_its_name(laptop):
    operation = await begun(laptop, lag_s=30)
    again = await laptop.services.get_operation({"name": operation.name})
    assert (again.name, again.done) == (operation.name, False)


async def test_waiting_for_an_operation_ends_with_it_or_with_the_time_given(laptop):
    operation = await begun(laptop, lag_s=0.2)
    early = operations_pb2.WaitOperationRequest(name=operation.name)
    early.timeout.FromMilliseconds(20)
    # The vendor's client returns this one's answer as raw bytes.
    assert not operations_pb2.Operation.FromString(await laptop.services.wait_operation(early)).done
    late = operations_pb2.WaitOperationRequest(name=operation.name)
    assert operations_pb2.Operation.FromString(await laptop.services.wait_operation(late)).done


async def test_the_operations_of_a_location_are_listed_and_forgotten_on_demand(laptop):
    operation = await begun(laptop, lag_s=0)
    listed = await laptop.services.list_operations({"name": PARENT})
    assert operation.name in [one.name for one in listed.operations]
    await laptop.services.delete_operation({"name": operation.name})
    with pytest.raises(exceptions.NotFound):
        await laptop.services.get_operation({"name": operation.name})


async def test_an_operation_that_never_was_is_not_found(laptop):
    with pytest.raises(exceptions.NotFound, match="does not exist"):
        await laptop.services.get_operation({"name": f"{PARENT}/operations/none"})
